/* SPDX-License-Identifier: Apache-2.0 */
/* Bilinear resizing of int16 lines; the coordinates were computed by the compiler. */
#ifndef TINYSEG_RESIZE2D_I16_H
#define TINYSEG_RESIZE2D_I16_H

#include "tinyseg_requantize_i16.h"

typedef struct {
    const uint16_t *columns;       /* two per output pixel */
    const int16_t *column_weights; /* two per output pixel, their sum is 2048 */
    tinyseg_multiplier multiplier;
    uint16_t width;
    uint16_t channels;
    int16_t input_zero_point;
    tinyseg_output output;
} tinyseg_resize2d_i16;

/* Weighted sum of two lines (weights that sum to 2048) at two columns each. */
void tinyseg_resize2d_linear_i16_line(
    const tinyseg_resize2d_i16 *p,
    const int16_t *first,
    const int16_t *second,
    int32_t first_weight,
    int32_t second_weight,
    int16_t *out);

#endif
