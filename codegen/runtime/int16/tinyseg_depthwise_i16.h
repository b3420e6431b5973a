/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution of int16 lines (one output channel per input channel). */
#ifndef TINYSEG_DEPTHWISE_I16_H
#define TINYSEG_DEPTHWISE_I16_H

#include "tinyseg_requantize_i16.h"

typedef struct {
    const void *weight; /* [row][tap][channel], int8_t or int16_t for the _w16 kernel */
    const void *bias;   /* of the type of the sums: minus input_zero_point times the sum of the channel's weights */
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
} tinyseg_depthwise_i16;

/* One output line from `kernel_height` lines; NULL is a padding line. Sums are int32_t, and of _s64 and _w16 int64_t. */
void tinyseg_depthwise_i16_line(const tinyseg_depthwise_i16 *p, const int16_t *const *lines, int16_t *out);
void tinyseg_depthwise_i16_line_s64(const tinyseg_depthwise_i16 *p, const int16_t *const *lines, int16_t *out);
void tinyseg_depthwise_i16_line_w16(const tinyseg_depthwise_i16 *p, const int16_t *const *lines, int16_t *out);

#endif
