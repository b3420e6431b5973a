/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution of float32 lines: one filter per channel. */
#ifndef TINYSEG_DEPTHWISE_F32_H
#define TINYSEG_DEPTHWISE_F32_H

#include "tinyseg_fma_f32.h"

typedef struct {
    const float *weight; /* [row][tap][channel] */
    const float *bias;
    uint16_t channels;
    uint16_t input_width;
    uint16_t output_width;
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t stride;
    uint16_t dilation;
    uint16_t pad_left;
    tinyseg_clamp_f32 clamp;
} tinyseg_depthwise_f32;

/* One output line from `kernel_height` lines; NULL is a padding line. */
void tinyseg_depthwise_f32_line(const tinyseg_depthwise_f32 *p, const float *const *lines, float *out);

#endif
