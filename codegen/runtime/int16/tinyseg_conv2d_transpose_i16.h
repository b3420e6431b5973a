/* SPDX-License-Identifier: Apache-2.0 */
/* Transposed convolution of int16 lines, in gathering form: each output pixel sums the taps that reach it. */
#ifndef TINYSEG_CONV2D_TRANSPOSE_I16_H
#define TINYSEG_CONV2D_TRANSPOSE_I16_H

#include "tinyseg_requantize_i16.h"

/* A tap that reaches the output columns `phase + stride * k` from the input columns `k + column`. */
typedef struct {
    uint16_t tap;
    int16_t column;
} tinyseg_transpose_i16_tap;

typedef struct {
    /* As in tinyseg_conv2d_i16 with one piece: [group][block][row][tap][channel][4], then single channels. */
    const void *weight;
    const void *bias; /* of the type of the sums */
    const tinyseg_multiplier *multiplier;
    const tinyseg_transpose_i16_tap *taps; /* of phase 0, then of phase 1, ... */
    const uint16_t *phase_taps;            /* number of taps of each phase */
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
} tinyseg_conv2d_transpose_i16;

/* One output line; lines[row] is the input line that kernel row `row` takes, NULL where there is none. Sums are
 * int32_t, and of _s64 and _w16 int64_t. */
void tinyseg_conv2d_transpose_i16_line(
    const tinyseg_conv2d_transpose_i16 *p, const int16_t *const *lines, int16_t *out);
void tinyseg_conv2d_transpose_i16_line_s64(
    const tinyseg_conv2d_transpose_i16 *p, const int16_t *const *lines, int16_t *out);
void tinyseg_conv2d_transpose_i16_line_w16(
    const tinyseg_conv2d_transpose_i16 *p, const int16_t *const *lines, int16_t *out);

#endif
