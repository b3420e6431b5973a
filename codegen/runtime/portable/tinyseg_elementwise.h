/* SPDX-License-Identifier: Apache-2.0 */
/* Binary arithmetic on int8 lines. The integer forms are emitted only where the compiler proved them equal to the
 * float32 definition for all 65,536 pairs of operands. `out` may be `a`, or `b` where b is as long as a. */
#ifndef TINYSEG_ELEMENTWISE_H
#define TINYSEG_ELEMENTWISE_H

#include "tinyseg_requantize.h"

/* y = clamp((a_factor * a + b_factor * b + offset) >> shift, minimum, maximum). `ties`: a sum whose discarded bits are
 * all 0 gives one less where its result is odd (1) or even (2): what rounding ties to even comes to, by the parity of
 * the output zero point. */
typedef struct {
    int32_t a_factor;
    int32_t b_factor;
    int32_t offset;
    uint32_t period; /* elements of b, after which it starts again */
    uint8_t shift;
    uint8_t ties;
    tinyseg_value minimum;
    tinyseg_value maximum;
} tinyseg_linear;

/* One element, without regard to ties. */
TINYSEG_INLINE int8_t tinyseg_linear_1(const tinyseg_linear *p, int32_t a, int32_t b)
{
    const int32_t value = (p->a_factor * a + p->b_factor * b + p->offset) >> p->shift;
    return (int8_t)(value < p->minimum ? p->minimum : value > p->maximum ? p->maximum : value);
}

void tinyseg_linear_line(
    const tinyseg_linear *p, const tinyseg_value *a, const tinyseg_value *b, tinyseg_value *out, uint32_t elements);

/* The same of factor * (a - a_zero_point) * (b - b_zero_point) + offset, which may need 64 bits. */
typedef struct {
    int64_t offset;
    int32_t factor;
    uint32_t period;
    int16_t a_zero_point;
    int16_t b_zero_point;
    uint8_t shift;
    uint8_t ties;
    tinyseg_value minimum;
    tinyseg_value maximum;
} tinyseg_product;

void tinyseg_product_line(
    const tinyseg_product *p, const tinyseg_value *a, const tinyseg_value *b, tinyseg_value *out, uint32_t elements);

/* The same in 32 bits, for extensions (tinyseg_product_dsp.h, tinyseg_product_mve.h):
 * y = clamp(((factor * (b - b_zero_point) * (a - a_zero_point) >> 16) + offset) >> shift, minimum, maximum).
 * |factor| is less than 2^31 / 255. */
typedef struct {
    int32_t factor;
    int32_t offset;
    uint32_t period; /* elements of b, after which it starts again */
    int16_t a_zero_point;
    int16_t b_zero_point;
    uint8_t shift; /* at most 31 */
    int8_t minimum;
    int8_t maximum;
} tinyseg_narrow_product;

/* One element. */
TINYSEG_INLINE int8_t tinyseg_narrow_product_1(const tinyseg_narrow_product *p, int32_t a, int32_t b)
{
    const int64_t product = (int64_t)(p->factor * (b - p->b_zero_point)) * (a - p->a_zero_point);
    const int32_t value = ((int32_t)(product >> 16) + p->offset) >> p->shift;
    return (int8_t)(value < p->minimum ? p->minimum : value > p->maximum ? p->maximum : value);
}

/* The definition: float32 with one rounding per operation. */
typedef struct {
    float a_scale;
    float b_scale;
    float output_scale;
    uint32_t period;
    int16_t a_zero_point;
    int16_t b_zero_point;
    int16_t output_zero_point;
    tinyseg_value minimum;
    tinyseg_value maximum;
    char function; /* '+' a + b, '-' a - b, 'r' b - a, '*' a * b */
} tinyseg_elementwise;

void tinyseg_elementwise_line(
    const tinyseg_elementwise *p,
    const tinyseg_value *a,
    const tinyseg_value *b,
    tinyseg_value *out,
    uint32_t elements);

#endif
