/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of products over consecutive channels of int16, for four output channels (weights interleaved by four) or one.
 * Shared by kernels; TINYSEG_WEIGHT is the type of the weights, TINYSEG_SUM that of the sums: the compiler proves
 * where int32_t is enough. */
#ifndef TINYSEG_SUMS_I16_H
#define TINYSEG_SUMS_I16_H

#include "tinyseg_requantize_i16.h"

#ifndef TINYSEG_FOUR_I16 /* an extension's header has its own, and its own order of the weights */
/* Adds (x[i] - zero_point) * w[4 * i + k] to a[k]. Returns the weights that follow. */
TINYSEG_INNER const TINYSEG_WEIGHT *tinyseg_sum_4_i16(
    TINYSEG_SUM *a, const int16_t *x, int32_t zero_point, const TINYSEG_WEIGHT *w, int32_t n)
{
    TINYSEG_SUM a0 = a[0];
    TINYSEG_SUM a1 = a[1];
    TINYSEG_SUM a2 = a[2];
    TINYSEG_SUM a3 = a[3];
    for (const int16_t *const end = x + n; x != end; w += 4) {
        const int32_t value = *x++ - zero_point;
        a0 += TINYSEG_PRODUCT_I16(value, w[0]);
        a1 += TINYSEG_PRODUCT_I16(value, w[1]);
        a2 += TINYSEG_PRODUCT_I16(value, w[2]);
        a3 += TINYSEG_PRODUCT_I16(value, w[3]);
    }
    a[0] = a0;
    a[1] = a1;
    a[2] = a2;
    a[3] = a3;
    return w;
}

/* The same of `value` in place of every x[i] - zero_point: channels that lie in the padding. */
TINYSEG_INNER const TINYSEG_WEIGHT *tinyseg_sum_4_alike_i16(
    TINYSEG_SUM *a, int32_t value, const TINYSEG_WEIGHT *w, int32_t n)
{
    for (const TINYSEG_WEIGHT *const end = w + 4 * n; w != end; w += 4) {
        for (int32_t k = 0; k < 4; ++k) {
            a[k] += TINYSEG_PRODUCT_I16(value, w[k]);
        }
    }
    return w;
}
#endif

/* Adds (x[i] - zero_point) * w[i] to *a. Returns the weights that follow. */
TINYSEG_INNER const TINYSEG_WEIGHT *tinyseg_sum_1_i16(
    TINYSEG_SUM *a, const int16_t *x, int32_t zero_point, const TINYSEG_WEIGHT *w, int32_t n)
{
    TINYSEG_SUM sum = *a;
    for (const int16_t *const end = x + n; x != end;) {
        const int32_t value = *x++ - zero_point;
        sum += TINYSEG_PRODUCT_I16(value, *w++);
    }
    *a = sum;
    return w;
}

/* The same of `value`. */
TINYSEG_INNER const TINYSEG_WEIGHT *tinyseg_sum_1_alike_i16(
    TINYSEG_SUM *a, int32_t value, const TINYSEG_WEIGHT *w, int32_t n)
{
    for (const TINYSEG_WEIGHT *const end = w + n; w != end;) {
        *a += TINYSEG_PRODUCT_I16(value, *w++);
    }
    return w;
}

/* Either, for `width` output channels. */
TINYSEG_INLINE const TINYSEG_WEIGHT *tinyseg_sum_i16(
    TINYSEG_SUM *a, int32_t width, const int16_t *x, int32_t zero_point, const TINYSEG_WEIGHT *w, int32_t n)
{
    return width == 4 ? tinyseg_sum_4_i16(a, x, zero_point, w, n) : tinyseg_sum_1_i16(a, x, zero_point, w, n);
}

TINYSEG_INLINE const TINYSEG_WEIGHT *tinyseg_sum_alike_i16(
    TINYSEG_SUM *a, int32_t width, int32_t value, const TINYSEG_WEIGHT *w, int32_t n)
{
    return width == 4 ? tinyseg_sum_4_alike_i16(a, value, w, n) : tinyseg_sum_1_alike_i16(a, value, w, n);
}

#endif
