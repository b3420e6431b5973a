/* SPDX-License-Identifier: Apache-2.0 */
/* Bilinear resizing of lines of uint8, shifted by 128, as TensorFlow Lite has it: in float32, each operation rounded. */
#ifndef TINYSEG_RESIZE2D_TFLITE_H
#define TINYSEG_RESIZE2D_TFLITE_H

#include "tinyseg_requantize.h"

typedef struct {
    const uint16_t *columns;     /* two per output pixel */
    const float *column_weights; /* two per output pixel, of the sum 1 */
    uint16_t width;
    uint16_t channels;
    uint8_t lines_are_columns; /* of the model's map: the first column is that of the first line */
} tinyseg_resize2d_tflite;

/* Weighted sum of two lines (`weights`: two, of the sum 1) at two columns each. */
void tinyseg_resize2d_tflite_line(
    const tinyseg_resize2d_tflite *p,
    const tinyseg_value *first,
    const tinyseg_value *second,
    const float *weights,
    tinyseg_value *out);

#endif
