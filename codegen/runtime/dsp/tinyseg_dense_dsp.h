/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer for cores with the DSP extension, over a whole map taken line by line. */
#ifndef TINYSEG_DENSE_DSP_H
#define TINYSEG_DENSE_DSP_H

#include "tinyseg_requantize.h"

typedef struct {
    /* Of each line: output channels by eight, four or less remaining ones as four; in each block [elements by
     * four][channel], four elements to a word. Channels and elements are filled up with weights 0. */
    const uint32_t *weight;
    const int32_t *bias; /* minus input_zero_point times the sum of the channel's weights; filled up to blocks */
    const tinyseg_multiplier *multiplier; /* filled up to blocks */
    uint32_t line_elements;
    uint16_t lines;
    uint16_t output_channels;
    tinyseg_output output;
} tinyseg_dense_dsp;

/* Takes line `index` of the input. `sums` holds output_channels accumulators between the lines, and may be NULL where
 * there is one line only. The last line writes `out`; before that it may be NULL. */
void tinyseg_dense_dsp_line(
    const tinyseg_dense_dsp *p, uint32_t index, const int8_t *line, int32_t *sums, int8_t *out);

#endif
