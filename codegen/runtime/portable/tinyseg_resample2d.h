/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing of lines by weighted sums of any number of rows and columns; all were found by the compiler. */
#ifndef TINYSEG_RESAMPLE2D_H
#define TINYSEG_RESAMPLE2D_H

#include "tinyseg_requantize.h"

typedef struct {
    const uint16_t *columns;       /* `taps` per output pixel */
    const int16_t *column_weights; /* as many, their sum is 2048 */
    tinyseg_multiplier multiplier;
    uint16_t rows; /* lines that a line is made of */
    uint16_t taps;
    uint16_t width;
    uint16_t channels;
    int16_t input_zero_point;
    tinyseg_output output;
} tinyseg_resample2d;

/* Sum of the lines times their weights, which sum to 2048; a line of weight 0 may be NULL. */
void tinyseg_resample2d_line(
    const tinyseg_resample2d *p, const tinyseg_value *const *lines, const int16_t *weights, tinyseg_value *out);

#endif
