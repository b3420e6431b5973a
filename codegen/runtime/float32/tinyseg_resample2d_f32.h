/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing of lines of float32 by weighted sums of any number of rows and columns; all were found by the compiler. */
#ifndef TINYSEG_RESAMPLE2D_F32_H
#define TINYSEG_RESAMPLE2D_F32_H

#include "tinyseg_fma_f32.h"

typedef struct {
    const uint16_t *columns;     /* `taps` per output pixel */
    const float *column_weights; /* as many */
    uint16_t rows;               /* lines that a line is made of */
    uint16_t taps;
    uint16_t width;
    uint16_t channels;
} tinyseg_resample2d_f32;

/* Fused sum of the lines times their weights, in the order of lines, then columns; a line of weight 0 may be NULL. */
void tinyseg_resample2d_f32_line(
    const tinyseg_resample2d_f32 *p, const float *const *lines, const float *weights, float *out);

#endif
