/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax of int8 by the rule of TensorFlow Lite, for one type of results (TINYSEG_SHARE, of TINYSEG_SHARE_BITS, from
 * TINYSEG_SHARE_MIN to TINYSEG_SHARE_MAX) under one name (TINYSEG_SOFTMAX_LINE). */
#include "tinyseg_softmax_tflite.h"

#define SUM_BITS 12 /* integer bits of the sum */

TINYSEG_INLINE int32_t saturate(int64_t value)
{
    return value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

/* (a * b + 2^30) >> 31; not both are -2^31. */
TINYSEG_INLINE int32_t high_product(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* value / 2^shift, ties away from zero; value is not negative, shift at least 1 */
TINYSEG_INLINE int32_t rounded_shift(int32_t value, int32_t shift)
{
    return shift > 31 ? 0 : (int32_t)(((int64_t)value + ((int64_t)1 << (shift - 1))) >> shift);
}

/* 1 / (1 + x) for x in [0, 1), both in units of 2^-31: three steps of Newton's method. */
static int32_t reciprocal(int32_t value)
{
    const int32_t half = (int32_t)(((int64_t)value + INT32_MAX + 1) >> 1);
    int32_t x = saturate((int64_t)1515870810 + high_product(half, -1010580540)); /* 48/17 - 32/17 * half */
    for (int step = 0; step < 3; ++step) {
        const int32_t error = (1 << 29) - high_product(half, x);
        x = saturate((int64_t)x + saturate((int64_t)high_product(x, error) * 4));
    }
    return saturate((int64_t)x * 2);
}

void TINYSEG_SOFTMAX_LINE(const tinyseg_softmax_tflite *p, const int8_t *in, TINYSEG_SHARE *out)
{
    for (uint32_t group = 0; group < p->groups; ++group, in += p->elements, out += p->elements) {
        int32_t largest = -128;
        uint32_t sum = 0;
        int32_t headroom = 0;
        int32_t inverse;
        for (uint32_t i = 0; i < p->elements; ++i) {
            largest = in[i] > largest ? in[i] : largest;
        }
        for (uint32_t i = 0; i < p->elements; ++i) {
            sum += (uint32_t)rounded_shift(p->exponentials[largest - in[i]], SUM_BITS);
        }
        while ((sum & 0x80000000u) == 0u) {
            sum <<= 1;
            ++headroom;
        }
        inverse = reciprocal((int32_t)(sum & 0x7FFFFFFFu));
        for (uint32_t i = 0; i < p->elements; ++i) {
            const int32_t share = high_product(inverse, p->exponentials[largest - in[i]]);
            const int32_t result = rounded_shift(share, SUM_BITS - headroom + 31 - TINYSEG_SHARE_BITS) + TINYSEG_SHARE_MIN;
            out[i] = (TINYSEG_SHARE)(result > TINYSEG_SHARE_MAX ? TINYSEG_SHARE_MAX : result);
        }
    }
}
