/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution of int8 lines (one output channel per input channel). */
#ifndef TINYSEG_DEPTHWISE_H
#define TINYSEG_DEPTHWISE_H

#include "tinyseg_requantize.h"

typedef struct {
    const void *weight;  /* [row][tap][channel], int8_t or int16_t for the _w16 kernel */
    const int32_t *bias; /* minus input_zero_point times the sum of the channel's weights */
    const tinyseg_multiplier *multiplier;
    uint16_t channels;
    uint16_t input_width;
    uint16_t output_width;
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t stride;
    uint16_t dilation;
    uint16_t pad_left;
    int16_t input_zero_point;
    tinyseg_output output;
} tinyseg_depthwise;

/* One output line from `kernel_height` lines; NULL is a padding line. */
void tinyseg_depthwise_line(const tinyseg_depthwise *p, const tinyseg_value *const *lines, tinyseg_value *out);
void tinyseg_depthwise_line_w16(const tinyseg_depthwise *p, const tinyseg_value *const *lines, tinyseg_value *out);

#endif
