/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of products of vectors of int16 values, for cores with the vector extension: what tinyseg_sums_i16.h has for four
 * output channels. A run has a multiple of eight values. Of each eight there are the weights of one channel after the
 * other. */
#ifndef TINYSEG_VECTORS_I16_H
#define TINYSEG_VECTORS_I16_H

#include "tinyseg_mve.h"
#include "tinyseg_requantize_i16.h"

#define TINYSEG_FOUR_I16
#define TINYSEG_EIGHT 8

#if TINYSEG_MVE && TINYSEG_SUM_BITS == 64
#define TINYSEG_VECTOR_I16 vmlaldavaq_s16
#elif TINYSEG_MVE
#define TINYSEG_VECTOR_I16 vmladavaq_s16
#endif

/* Adds the products of n values, as they are stored, to a[0] to a[3]. Returns the weights that follow. */
TINYSEG_INNER const int8_t *tinyseg_sum_4_i16(
    TINYSEG_SUM *a, const int16_t *x, int32_t zero_point, const int8_t *w, int32_t n)
{
    (void)zero_point; /* 0: the kernels that use this have it in the bias */
#if TINYSEG_MVE
    TINYSEG_SUM a0 = a[0];
    TINYSEG_SUM a1 = a[1];
    TINYSEG_SUM a2 = a[2];
    TINYSEG_SUM a3 = a[3];
    for (const int16_t *const end = x + n; x != end; x += TINYSEG_EIGHT, w += 4 * TINYSEG_EIGHT) {
        const int16x8_t values = vldrhq_s16(x);
        a0 = TINYSEG_VECTOR_I16(a0, values, vldrbq_s16(w));
        a1 = TINYSEG_VECTOR_I16(a1, values, vldrbq_s16(w + TINYSEG_EIGHT));
        a2 = TINYSEG_VECTOR_I16(a2, values, vldrbq_s16(w + 2 * TINYSEG_EIGHT));
        a3 = TINYSEG_VECTOR_I16(a3, values, vldrbq_s16(w + 3 * TINYSEG_EIGHT));
    }
    a[0] = a0;
    a[1] = a1;
    a[2] = a2;
    a[3] = a3;
#else
    for (const int16_t *const end = x + n; x != end; x += TINYSEG_EIGHT) {
        for (int32_t k = 0; k < 4; ++k) {
            for (int32_t i = 0; i < TINYSEG_EIGHT; ++i) {
                a[k] += (TINYSEG_SUM)x[i] * *w++;
            }
        }
    }
#endif
    return w;
}

/* The same of `value` in place of every one. */
TINYSEG_INNER const int8_t *tinyseg_sum_4_alike_i16(TINYSEG_SUM *a, int32_t value, const int8_t *w, int32_t n)
{
    for (int32_t left = n; left > 0; left -= TINYSEG_EIGHT) {
        for (int32_t k = 0; k < 4; ++k, w += TINYSEG_EIGHT) {
#if TINYSEG_MVE
            a[k] += (TINYSEG_SUM)value * vaddvq_s16(vldrbq_s16(w));
#else
            for (int32_t i = 0; i < TINYSEG_EIGHT; ++i) {
                a[k] += (TINYSEG_SUM)value * w[i];
            }
#endif
        }
    }
    return w;
}

#endif
