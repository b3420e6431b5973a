/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer over a whole map of int16, taken line by line. */
#ifndef TINYSEG_DENSE_I16_H
#define TINYSEG_DENSE_I16_H

#include "tinyseg_requantize_i16.h"

typedef struct {
    /* Of each line: [block][element][4] for output channels by four, then [channel][element] for the rest. */
    const void *weight;
    const void *bias; /* of the type of the sums: minus input_zero_point times the sum of the channel's weights */
    const tinyseg_multiplier *multiplier;
    uint32_t line_elements;
    uint16_t lines;
    uint16_t output_channels;
    tinyseg_output output;
} tinyseg_dense_i16;

/* Takes line `index` of the input. `sums` holds output_channels accumulators between the lines, at any
 * multiple of four, and may be NULL where there is one line only. The last line writes `out`; before that it may be NULL. */
void tinyseg_dense_i16_line(
    const tinyseg_dense_i16 *p, uint32_t index, const int16_t *line, void *sums, int16_t *out);
void tinyseg_dense_i16_line_s64(
    const tinyseg_dense_i16 *p, uint32_t index, const int16_t *line, void *sums, int16_t *out);
void tinyseg_dense_i16_line_w16(
    const tinyseg_dense_i16 *p, uint32_t index, const int16_t *line, void *sums, int16_t *out);

/* For cores with extensions, whose weights have an order of their own where channels go by four (tinyseg_pairs_i16.h,
 * tinyseg_vectors_i16.h): an even number of elements of a line, or a multiple of eight. */
void tinyseg_dense_i16_line_pairs(
    const tinyseg_dense_i16 *p, uint32_t index, const int16_t *line, void *sums, int16_t *out);
void tinyseg_dense_i16_line_pairs_s64(
    const tinyseg_dense_i16 *p, uint32_t index, const int16_t *line, void *sums, int16_t *out);
void tinyseg_dense_i16_line_vectors(
    const tinyseg_dense_i16 *p, uint32_t index, const int16_t *line, void *sums, int16_t *out);
void tinyseg_dense_i16_line_vectors_s64(
    const tinyseg_dense_i16 *p, uint32_t index, const int16_t *line, void *sums, int16_t *out);

#endif
