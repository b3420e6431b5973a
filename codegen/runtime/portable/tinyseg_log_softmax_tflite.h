/* SPDX-License-Identifier: Apache-2.0 */
/* Logarithms of the softmax of groups of consecutive int8 values by the rule of TensorFlow Lite: fixed point, results in
 * steps of 1/16 from -16 on. `out` may be `in`. */
#ifndef TINYSEG_LOG_SOFTMAX_TFLITE_H
#define TINYSEG_LOG_SOFTMAX_TFLITE_H

#include "tinyseg_platform.h"

typedef struct {
    const int32_t *exponentials; /* [d]: e^(-d * input scale) * 2^31, 256 entries; behind them -d * input scale * 2^26 */
    uint32_t groups;
    uint32_t elements; /* of each group */
    int32_t least; /* difference from the largest value that counts */
    int32_t multiplier; /* * 2^(-31 - right): from logarithms to differences */
    uint8_t right;
} tinyseg_log_softmax_tflite;

void tinyseg_log_softmax_tflite_line(const tinyseg_log_softmax_tflite *p, const int8_t *in, int8_t *out);

#endif
