/* SPDX-License-Identifier: Apache-2.0 */
/* Max and average pooling of int8 lines. */
#ifndef TINYSEG_POOL2D_H
#define TINYSEG_POOL2D_H

#include "tinyseg_requantize.h"

typedef struct {
    /* Average: multiplier[pixels - 1] for windows of so many pixels inside the map; with `fixed_count` multiplier[0]. */
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
    uint16_t fixed_count;
    tinyseg_output output;
} tinyseg_pool2d;

/* One output line from `kernel_height` lines; NULL is a padding line. */
void tinyseg_max_pool2d_line(const tinyseg_pool2d *p, const tinyseg_value *const *lines, tinyseg_value *out);
void tinyseg_average_pool2d_line(const tinyseg_pool2d *p, const tinyseg_value *const *lines, tinyseg_value *out);

#endif
