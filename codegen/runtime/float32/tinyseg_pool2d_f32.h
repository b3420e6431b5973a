/* SPDX-License-Identifier: Apache-2.0 */
/* Max and average pooling of float32 lines, over windows and over whole maps. */
#ifndef TINYSEG_POOL2D_F32_H
#define TINYSEG_POOL2D_F32_H

#include "tinyseg_platform.h"

typedef struct {
    uint16_t channels;
    uint16_t input_width;
    uint16_t output_width;
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t stride;
    uint16_t dilation;
    uint16_t pad_left;
    uint32_t fixed_count; /* the divisor of an average; 0: pixels of the window that lie inside the map */
} tinyseg_pool2d_f32;

/* One output line from `kernel_height` lines; NULL is a padding line. */
void tinyseg_max_pool2d_f32_line(const tinyseg_pool2d_f32 *p, const float *const *lines, float *out);
void tinyseg_average_pool2d_f32_line(const tinyseg_pool2d_f32 *p, const float *const *lines, float *out);

typedef struct {
    uint32_t width;
    uint32_t lines;
    uint32_t channels;
} tinyseg_global_pool_f32;

/* Takes line `index`. `state` holds a value per channel between the lines, and may be NULL where there is one line only.
 * The last line writes `out`; before that it may be NULL. */
void tinyseg_global_max_f32_line(
    const tinyseg_global_pool_f32 *p, uint32_t index, const float *line, float *state, float *out);
void tinyseg_global_average_f32_line(
    const tinyseg_global_pool_f32 *p, uint32_t index, const float *line, float *state, float *out);

#endif
