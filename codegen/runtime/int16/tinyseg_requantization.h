/* SPDX-License-Identifier: Apache-2.0 */
/* From one quantisation to another: lines of integers of 8 or 16 bits. */
#ifndef TINYSEG_REQUANTIZATION_H
#define TINYSEG_REQUANTIZATION_H

#include "tinyseg_quantize.h"

typedef struct {
    float input_scale;
    float output_scale;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t minimum; /* of results */
    int32_t maximum;
    char from; /* 'b' int8_t, 'B' uint8_t, 'h' int16_t, 'H' uint16_t */
    char to;
} tinyseg_requantization;

/* `out` may be `in` where elements are as long. */
void tinyseg_requantization_line(const tinyseg_requantization *p, const void *in, void *out, uint32_t elements);

#endif
