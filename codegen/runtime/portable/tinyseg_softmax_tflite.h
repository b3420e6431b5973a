/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax over groups of consecutive int8 values by the rule of TensorFlow Lite: fixed point, results in steps of 1/256
 * from -128 on. `out` may be `in`. */
#ifndef TINYSEG_SOFTMAX_TFLITE_H
#define TINYSEG_SOFTMAX_TFLITE_H

#include "tinyseg_platform.h"

typedef struct {
    const int32_t *exponentials; /* [d]: e^(-d * input scale) * 2^31, 256 entries */
    uint32_t groups;
    uint32_t elements; /* of each group */
} tinyseg_softmax_tflite;

void tinyseg_softmax_tflite_line(const tinyseg_softmax_tflite *p, const int8_t *in, int8_t *out);

#endif
