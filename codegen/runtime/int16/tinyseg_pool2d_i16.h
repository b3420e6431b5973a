/* SPDX-License-Identifier: Apache-2.0 */
/* Max and average pooling of int16 lines, over windows and over whole maps. */
#ifndef TINYSEG_POOL2D_I16_H
#define TINYSEG_POOL2D_I16_H

#include "tinyseg_requantize_i16.h"

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
} tinyseg_pool2d_i16;

/* One output line from `kernel_height` lines; NULL is a padding line. */
void tinyseg_max_pool2d_i16_line(const tinyseg_pool2d_i16 *p, const int16_t *const *lines, int16_t *out);
void tinyseg_average_pool2d_i16_line(const tinyseg_pool2d_i16 *p, const int16_t *const *lines, int16_t *out);

typedef struct {
    tinyseg_multiplier multiplier; /* average only */
    uint32_t width;                /* pixels of a line */
    uint16_t lines;
    uint16_t channels;
    int16_t input_zero_point; /* average only */
    tinyseg_output output;
} tinyseg_global_pool_i16;

/* Takes line `index`. `state` holds `channels` sums (average; at any multiple of four) or maxima between the lines, and may be NULL where
 * there is one line only. The last line writes `out`; before that it may be NULL. Sums of at most 32,768 values are
 * int32_t, those of _s64 int64_t. */
void tinyseg_global_average_i16_line(
    const tinyseg_global_pool_i16 *p, uint32_t index, const int16_t *line, void *state, int16_t *out);
void tinyseg_global_average_i16_line_s64(
    const tinyseg_global_pool_i16 *p, uint32_t index, const int16_t *line, void *state, int16_t *out);
void tinyseg_global_max_i16_line(
    const tinyseg_global_pool_i16 *p, uint32_t index, const int16_t *line, int16_t *state, int16_t *out);

#endif
