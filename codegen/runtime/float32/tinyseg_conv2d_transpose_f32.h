/* SPDX-License-Identifier: Apache-2.0 */
/* Transposed convolution of float32 lines, in gathering form: each output pixel sums the taps that reach it. */
#ifndef TINYSEG_CONV2D_TRANSPOSE_F32_H
#define TINYSEG_CONV2D_TRANSPOSE_F32_H

#include "tinyseg_fma_f32.h"

/* A tap that reaches the output columns `phase + stride * k` from the input columns `k + column`. */
typedef struct {
    uint16_t tap;
    int16_t column;
} tinyseg_transpose_f32_tap;

typedef struct {
    /* As in tinyseg_conv2d_f32 with one piece: [group][block][row][tap][channel][4], then single channels. */
    const float *weight;
    const float *bias;
    const tinyseg_transpose_f32_tap *taps; /* of phase 0, then of phase 1, ...; by rising tap */
    const uint16_t *phase_taps;            /* number of taps of each phase */
    uint16_t groups;
    uint16_t input_channels;
    uint16_t input_width;
    uint16_t output_channels;
    uint16_t output_width;
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t stride;
    tinyseg_clamp_f32 clamp;
} tinyseg_conv2d_transpose_f32;

/* One output line; lines[row] is the input line that kernel row `row` takes, NULL where there is none. */
void tinyseg_conv2d_transpose_f32_line(const tinyseg_conv2d_transpose_f32 *p, const float *const *lines, float *out);

#endif
