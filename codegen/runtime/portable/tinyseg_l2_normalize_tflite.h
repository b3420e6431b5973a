/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of consecutive int8 values divided by the root of the sum of their squares, by the rule of TensorFlow Lite:
 * results in steps of 1/128. `out` may be `in`. */
#ifndef TINYSEG_L2_NORMALIZE_TFLITE_H
#define TINYSEG_L2_NORMALIZE_TFLITE_H

#include "tinyseg_platform.h"

typedef struct {
    uint32_t groups;
    uint32_t elements; /* of each group */
    int16_t input_zero_point;
    uint8_t of_uint8; /* multiplied by 128 first */
} tinyseg_l2_normalize_tflite;

void tinyseg_l2_normalize_tflite_line(const tinyseg_l2_normalize_tflite *p, const int8_t *in, int8_t *out);

#endif
