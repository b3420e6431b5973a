/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on int16 lines by its definition: float32 with one rounding per operation. */
#ifndef TINYSEG_ELEMENTWISE_I16_H
#define TINYSEG_ELEMENTWISE_I16_H

#include "tinyseg_requantize.h"

typedef struct {
    float a_scale;
    float b_scale;
    float output_scale;
    uint32_t period; /* elements of b, after which it starts again */
    int16_t a_zero_point;
    int16_t b_zero_point;
    int16_t output_zero_point;
    int16_t minimum;
    int16_t maximum;
    char function; /* '+' a + b, '-' a - b, 'r' b - a, '*' a * b */
} tinyseg_elementwise_i16;

/* `out` may be `a`, or `b` where b is as long as a. */
void tinyseg_elementwise_i16_line(
    const tinyseg_elementwise_i16 *p, const int16_t *a, const int16_t *b, int16_t *out, uint32_t elements);

/* Values below `low` become it, those above `high` become that. `out` may be `in`. */
void tinyseg_clip_i16_line(int32_t low, int32_t high, const int16_t *in, int16_t *out, uint32_t elements);

#endif
