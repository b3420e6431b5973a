/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing of lines; the coordinates were computed by the compiler. */
#ifndef TINYSEG_RESIZE2D_H
#define TINYSEG_RESIZE2D_H

#include "tinyseg_requantize.h"

/* out pixel x = in pixel columns[x]; pixels of `pixel_bytes` bytes. */
void tinyseg_resize2d_nearest_line(
    const uint16_t *columns, const uint8_t *line, uint8_t *out, uint32_t width, uint32_t pixel_bytes);

typedef struct {
    const uint16_t *columns;       /* two per output pixel */
    const int16_t *column_weights; /* two per output pixel; their sum is the rule's unit */
    tinyseg_multiplier multiplier;
    uint16_t width;
    uint16_t channels;
    int16_t input_zero_point;
    tinyseg_output output;
} tinyseg_resize2d;

/* Weighted sum of two lines (weights that sum to the unit) at two columns each. */
void tinyseg_resize2d_linear_line(
    const tinyseg_resize2d *p,
    const tinyseg_value *first,
    const tinyseg_value *second,
    int32_t first_weight,
    int32_t second_weight,
    tinyseg_value *out);

#endif
