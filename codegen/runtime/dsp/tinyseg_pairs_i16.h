/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of products of pairs of neighbouring int16 values, for cores with the DSP extension: what tinyseg_sums_i16.h has
 * for four output channels. A run has an even number of values. Of each pair there are eight weights: of channels 0 and 1
 * for the first value, of both for the second, and the same of channels 2 and 3. */
#ifndef TINYSEG_PAIRS_I16_H
#define TINYSEG_PAIRS_I16_H

#include "tinyseg_dsp.h"
#include "tinyseg_requantize_i16.h"

#define TINYSEG_FOUR_I16

/* sum + x.low * y.low + x.high * y.high in 64 bits. */
TINYSEG_INLINE int64_t tinyseg_dual_multiply_long(uint32_t x, uint32_t y, int64_t sum)
{
#if TINYSEG_DSP
    __asm__("smlald %Q0, %R0, %1, %2" : "+r"(sum) : "r"(x), "r"(y));
    return sum;
#else
    return sum + tinyseg_low(x) * tinyseg_low(y) + tinyseg_high(x) * tinyseg_high(y);
#endif
}

#if TINYSEG_SUM_BITS == 64
#define TINYSEG_PAIR_I16 tinyseg_dual_multiply_long
#else
#define TINYSEG_PAIR_I16 tinyseg_dual_multiply
#endif

/* Adds the products of n values, as they are stored, to a[0] to a[3]. Returns the weights that follow. */
TINYSEG_INNER const int8_t *tinyseg_sum_4_i16(
    TINYSEG_SUM *a, const int16_t *x, int32_t zero_point, const int8_t *w, int32_t n)
{
    TINYSEG_SUM a0 = a[0];
    TINYSEG_SUM a1 = a[1];
    TINYSEG_SUM a2 = a[2];
    TINYSEG_SUM a3 = a[3];
    (void)zero_point; /* 0: the kernels that use this have it in the bias */
    for (const int16_t *const end = x + n; x != end; x += 2, w += 8) {
        const uint32_t pair = tinyseg_load_pair(x);
        const uint32_t first = tinyseg_load_4(w);
        const uint32_t second = tinyseg_load_4(w + 4);
        a0 = TINYSEG_PAIR_I16(pair, tinyseg_widen_even(first), a0);
        a1 = TINYSEG_PAIR_I16(pair, tinyseg_widen_odd(first), a1);
        a2 = TINYSEG_PAIR_I16(pair, tinyseg_widen_even(second), a2);
        a3 = TINYSEG_PAIR_I16(pair, tinyseg_widen_odd(second), a3);
    }
    a[0] = a0;
    a[1] = a1;
    a[2] = a2;
    a[3] = a3;
    return w;
}

/* The same of `value` in place of every one. */
TINYSEG_INNER const int8_t *tinyseg_sum_4_alike_i16(TINYSEG_SUM *a, int32_t value, const int8_t *w, int32_t n)
{
    for (const int8_t *const end = w + 4 * n; w != end; w += 8) {
        a[0] += (TINYSEG_SUM)value * (w[0] + w[2]);
        a[1] += (TINYSEG_SUM)value * (w[1] + w[3]);
        a[2] += (TINYSEG_SUM)value * (w[4] + w[6]);
        a[3] += (TINYSEG_SUM)value * (w[5] + w[7]);
    }
    return w;
}

#endif
