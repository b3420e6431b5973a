/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer over a whole map, taken line by line. */
#ifndef TINYSEG_DENSE_H
#define TINYSEG_DENSE_H

#include "tinyseg_results.h"

typedef struct {
    /* Of each line: [block][element][4] for output channels by four, then [channel][element] for the rest. */
    const void *weight;
    const int32_t *bias; /* minus input_zero_point times the sum of the channel's weights */
    const tinyseg_multiplier *multiplier;
    uint32_t line_elements;
    uint16_t lines;
    uint16_t output_channels;
    tinyseg_output output;
} tinyseg_dense;

/* Takes line `index` of the input. `state` holds output_channels accumulators between the lines, and may be NULL where
 * there is one line only. The last line writes `out`; before that it may be NULL. */
void tinyseg_dense_line(
    const tinyseg_dense *p, uint32_t index, const tinyseg_value *line, int32_t *state, tinyseg_value *out);
void tinyseg_dense_line_w16(
    const tinyseg_dense *p, uint32_t index, const tinyseg_value *line, int32_t *state, tinyseg_value *out);

/* The same of sums that go on in float32: all lie in `sums` when `finish` makes results of them. */
void tinyseg_dense_line_sums(const tinyseg_dense *p, uint32_t index, const tinyseg_value *line, int32_t *state,
    tinyseg_finish *finish, float *sums, void *out);
void tinyseg_dense_line_sums_w16(const tinyseg_dense *p, uint32_t index, const tinyseg_value *line, int32_t *state,
    tinyseg_finish *finish, float *sums, void *out);

#endif
