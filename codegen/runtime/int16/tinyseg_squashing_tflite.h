/* SPDX-License-Identifier: Apache-2.0 */
/* The logistic function and tanh of int16 lines by the rule of TensorFlow Lite: between entries of one table. */
#ifndef TINYSEG_SQUASHING_TFLITE_H
#define TINYSEG_SQUASHING_TFLITE_H

#include "tinyseg_platform.h"

typedef struct {
    const uint16_t *table; /* sigmoid(i / 24) in units of 2^-16, 256 entries */
    int16_t multiplier;    /* x * multiplier / 2^right is the operand in units of 2^-12 / 3 */
    uint8_t right;
    char function; /* 'l' logistic, 't' tanh */
} tinyseg_squashing_tflite;

/* `out` may be `in`. */
void tinyseg_squashing_tflite_line(
    const tinyseg_squashing_tflite *p, const int16_t *in, int16_t *out, uint32_t elements);

#endif
