/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax over groups of consecutive int16 values by the rule of TensorFlow Lite: between entries of two tables, results
 * in steps of 1/32768. `out` may be `in`. */
#ifndef TINYSEG_SOFTMAX_TFLITE_I16_H
#define TINYSEG_SOFTMAX_TFLITE_I16_H

#include "tinyseg_requantize.h"

typedef struct {
    const int16_t *exponentials; /* e^x for x from -10 to 0, 513 entries in units of 2^-15 */
    const int16_t *reciprocals;  /* 1 / (1 + x) for x from 0 to 1, likewise */
    tinyseg_multiplier multiplier; /* from differences to units of 10 / 65535 */
    uint32_t groups;
    uint32_t elements; /* of each group */
} tinyseg_softmax_tflite_i16;

void tinyseg_softmax_tflite_i16_line(const tinyseg_softmax_tflite_i16 *p, const int16_t *in, int16_t *out);

#endif
