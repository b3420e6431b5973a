/* SPDX-License-Identifier: Apache-2.0 */
/* From one quantisation to another by the rule of TensorFlow Lite, by two slopes: lines of int8, int16 or int32. */
#ifndef TINYSEG_RESCALING_TFLITE_H
#define TINYSEG_RESCALING_TFLITE_H

#include "tinyseg_requantize.h"

typedef struct {
    tinyseg_multiplier above; /* of values from the zero point on */
    tinyseg_multiplier below;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t minimum; /* of results, whose lower bits are stored */
    int32_t maximum;
    uint8_t magnitude; /* of values without their sign */
    uint8_t negated;   /* results by `above` change their sign */
    uint8_t below_negated;
    char from; /* 'b' int8_t, 'h' int16_t, 'i' int32_t */
    char to;
} tinyseg_rescaling_tflite;

/* `out` may be `in` where elements are as long. */
void tinyseg_rescaling_tflite_line(const tinyseg_rescaling_tflite *p, const void *in, void *out, uint32_t elements);

#endif
