/* SPDX-License-Identifier: Apache-2.0 */
/* Positions of maxima in their windows, and values put back there. */
#ifndef TINYSEG_UNPOOL2D_H
#define TINYSEG_UNPOOL2D_H

#include "tinyseg_platform.h"

typedef struct {
    uint16_t channels;
    uint16_t input_width;
    uint16_t output_width;
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t stride;
    uint16_t pad_left;
    uint16_t columns_first; /* of equal values the first one down the columns, else along the rows */
} tinyseg_max_positions;

/* Of each window the place of its maximum, row * kernel_width + column, from `kernel_height` lines; NULL is padding. */
void tinyseg_max_positions_line(const tinyseg_max_positions *p, const int8_t *const *lines, uint8_t *out);
void tinyseg_max_positions_f32_line(const tinyseg_max_positions *p, const float *const *lines, uint8_t *out);

typedef struct {
    uint16_t channels;
    uint16_t input_width;
    uint16_t output_width;
    uint16_t kernel_width;
    uint16_t stride;
    uint16_t pad_left;
    uint16_t element_bytes;
} tinyseg_max_unpool2d;

/* Puts those values of a line into `out` whose position is in the row `kernel_row` of their window. */
void tinyseg_max_unpool2d_row(
    const tinyseg_max_unpool2d *p, const uint8_t *values, const uint8_t *positions, uint32_t kernel_row, uint8_t *out);

#endif
