/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer in float32: over a whole map taken line by line, or of every vector of a line. */
#ifndef TINYSEG_DENSE_F32_H
#define TINYSEG_DENSE_F32_H

#include "tinyseg_fma_f32.h"

typedef struct {
    /* Of each line: [block][element][4] for output channels by four, then [channel][element] for the rest. */
    const float *weight;
    const float *bias;
    uint32_t line_elements;
    uint16_t lines;
    uint16_t output_channels;
    tinyseg_clamp_f32 clamp;
} tinyseg_dense_f32;

/* Takes line `index` of the input. `sums` holds output_channels accumulators between the lines, and may be NULL where
 * there is one line only. The last line writes `out`; before that it may be NULL. */
void tinyseg_dense_f32_line(const tinyseg_dense_f32 *p, uint32_t index, const float *line, float *sums, float *out);

#endif
