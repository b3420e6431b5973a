/* SPDX-License-Identifier: Apache-2.0 */
#include "tinyseg_dsp.h"

/* Adds the products of four neighbouring values. */
TINYSEG_INLINE int32_t add_four(const int8_t *x, const int16_t *w, int32_t sum)
{
    const uint32_t word = tinyseg_load_4(x);
    sum = tinyseg_dual_multiply(tinyseg_widen_even(word), tinyseg_load_pair(w), sum);
    return tinyseg_dual_multiply(tinyseg_widen_odd(word), tinyseg_load_pair(w + 2), sum);
}

/* Sum of the products of n neighbouring values. */
TINYSEG_INLINE int32_t dot(const int8_t *x, const int16_t *w, int32_t n)
{
    const int8_t *const eights = x + (n & ~7);
    const int8_t *const end = x + n;
    int32_t sum = 0;
    for (; x != eights; x += 8, w += 8) {
        sum = add_four(x, w, sum);
        sum = add_four(x + 4, w + 4, sum);
    }
    if ((n & 4) != 0) {
        sum = add_four(x, w, sum);
        x += 4;
        w += 4;
    }
    while (x != end) {
        sum += *x++ * *w++;
    }
    return sum;
}

/* Where the weight of a value of a run stands. */
TINYSEG_INLINE int32_t place(int32_t value, int32_t n)
{
    return value < (n & ~3) ? (value & ~3) | ((value & 1) << 1) | ((value >> 1) & 1) : value;
}

#define TINYSEG_WIDE_CHANNELS_LINE tinyseg_wide_channels_line_pairs
#include "tinyseg_wide_channels_body.h"
