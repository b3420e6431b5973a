/* SPDX-License-Identifier: Apache-2.0 */
/* Transposed convolution of int8 lines, in gathering form: each output pixel sums the taps that reach it, so that
 * there are no accumulators to keep. */
#ifndef TINYSEG_CONV2D_TRANSPOSE_H
#define TINYSEG_CONV2D_TRANSPOSE_H

#include "tinyseg_results.h"

/* A tap that reaches the output columns `phase + stride * k` from the input columns `k + column`. */
typedef struct {
    uint16_t tap;
    int16_t column;
} tinyseg_transpose_tap;

typedef struct {
    /* As in tinyseg_conv2d with one piece: [group][block][row][tap][channel][4], then single channels. */
    const void *weight;
    const int32_t *bias;
    const tinyseg_multiplier *multiplier;
    const tinyseg_transpose_tap *taps; /* of phase 0, then of phase 1, ... */
    const uint16_t *phase_taps;        /* number of taps of each phase */
    uint16_t groups;
    uint16_t input_channels;
    uint16_t input_width;
    uint16_t output_channels;
    uint16_t output_width;
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t stride;
    int16_t input_zero_point;
    tinyseg_output output;
} tinyseg_conv2d_transpose;

/* One output line; lines[row] is the input line that kernel row `row` takes, NULL where there is none. */
void tinyseg_conv2d_transpose_line(
    const tinyseg_conv2d_transpose *p, const tinyseg_value *const *lines, tinyseg_value *out);
void tinyseg_conv2d_transpose_line_w16(
    const tinyseg_conv2d_transpose *p, const tinyseg_value *const *lines, tinyseg_value *out);

/* The same of sums that go on in float32: those of a pixel lie in `sums` when `finish` makes results of them. */
void tinyseg_conv2d_transpose_line_sums(
    const tinyseg_conv2d_transpose *p, const tinyseg_value *const *lines, tinyseg_finish *finish, float *sums, void *out);
void tinyseg_conv2d_transpose_line_sums_w16(
    const tinyseg_conv2d_transpose *p, const tinyseg_value *const *lines, tinyseg_finish *finish, float *sums, void *out);

#endif
