/* SPDX-License-Identifier: Apache-2.0 */
/* Binary arithmetic on int8 lines by the rule of TensorFlow Lite, where no integer form of tinyseg_elementwise.h is equal
 * to it. `out` may be `a`, or `b` where b is as long as a. */
#ifndef TINYSEG_ELEMENTWISE_TFLITE_H
#define TINYSEG_ELEMENTWISE_TFLITE_H

#include "tinyseg_requantize.h"

/* Sums and differences: operands free of their zero points are shifted left and multiplied, and so is the sum. Products
 * are multiplied once; the larger or smaller operand is taken as it is. */
typedef struct {
    tinyseg_multiplier a_multiplier;
    tinyseg_multiplier b_multiplier;
    tinyseg_multiplier multiplier;
    uint32_t period; /* elements of b, after which it starts again */
    int16_t a_zero_point;
    int16_t b_zero_point;
    tinyseg_output output;
    uint8_t left_shift;
    /* '+' a + b, '-' a - b, 'r' b - a, '*' a * b, '2' (a - b) * (a - b), '>' larger, '<' smaller, 'p' a, 'q' b, either
     * below zero a * b */
    char function;
} tinyseg_elementwise_tflite;

void tinyseg_elementwise_tflite_line(
    const tinyseg_elementwise_tflite *p,
    const tinyseg_value *a,
    const tinyseg_value *b,
    tinyseg_value *out,
    uint32_t elements);

#endif
