/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of products over a segment of consecutive channels, for four output channels (weights interleaved by four) or
 * one, and for two pixels or one. Shared by the kernels; TINYSEG_WEIGHT is the type of the weights. */
#ifndef TINYSEG_ACCUMULATE_H
#define TINYSEG_ACCUMULATE_H

#include "tinyseg_requantize.h"

/* Adds x[i] * w[4 * i + k] to a[k] and y[i] * w[4 * i + k] to b[k]. Returns the weights that follow. */
TINYSEG_INNER const TINYSEG_WEIGHT *tinyseg_accumulate_4x2(
    int32_t *a, int32_t *b, const tinyseg_value *x, const tinyseg_value *y, const TINYSEG_WEIGHT *w, int32_t n)
{
    int32_t a0 = a[0];
    int32_t a1 = a[1];
    int32_t a2 = a[2];
    int32_t a3 = a[3];
    int32_t b0 = b[0];
    int32_t b1 = b[1];
    int32_t b2 = b[2];
    int32_t b3 = b[3];
    for (const tinyseg_value *end = x + n; x != end; w += 4) {
        const int32_t u = *x++;
        const int32_t v = *y++;
        int32_t weight = w[0];
        a0 += u * weight;
        b0 += v * weight;
        weight = w[1];
        a1 += u * weight;
        b1 += v * weight;
        weight = w[2];
        a2 += u * weight;
        b2 += v * weight;
        weight = w[3];
        a3 += u * weight;
        b3 += v * weight;
    }
    a[0] = a0;
    a[1] = a1;
    a[2] = a2;
    a[3] = a3;
    b[0] = b0;
    b[1] = b1;
    b[2] = b2;
    b[3] = b3;
    return w;
}

/* Adds the products of element `i`. */
#define TINYSEG_ACCUMULATE_ELEMENT(i) \
    u = x[i] - zero_point; \
    a0 += u * w[4 * (i)]; \
    a1 += u * w[4 * (i) + 1]; \
    a2 += u * w[4 * (i) + 2]; \
    a3 += u * w[4 * (i) + 3]

/* Adds (x[i] - zero_point) * w[4 * i + k] to a[k]. Returns the weights that follow. */
TINYSEG_INNER const TINYSEG_WEIGHT *tinyseg_accumulate_4x1(
    int32_t *a, const tinyseg_value *x, int32_t zero_point, const TINYSEG_WEIGHT *w, int32_t n)
{
    int32_t a0 = a[0];
    int32_t a1 = a[1];
    int32_t a2 = a[2];
    int32_t a3 = a[3];
    const tinyseg_value *const fours = x + (n & ~3);
    const tinyseg_value *const end = x + n;
    int32_t u;
    for (; x != fours; x += 4, w += 16) {
        TINYSEG_ACCUMULATE_ELEMENT(0);
        TINYSEG_ACCUMULATE_ELEMENT(1);
        TINYSEG_ACCUMULATE_ELEMENT(2);
        TINYSEG_ACCUMULATE_ELEMENT(3);
    }
    for (; x != end; ++x, w += 4) {
        TINYSEG_ACCUMULATE_ELEMENT(0);
    }
    a[0] = a0;
    a[1] = a1;
    a[2] = a2;
    a[3] = a3;
    return w;
}

/* Adds value * w[4 * i + k] to a[k]: a segment that lies in the padding. */
TINYSEG_INNER const TINYSEG_WEIGHT *tinyseg_accumulate_4_constant(
    int32_t *a, int32_t value, const TINYSEG_WEIGHT *w, int32_t n)
{
    int32_t s0 = 0;
    int32_t s1 = 0;
    int32_t s2 = 0;
    int32_t s3 = 0;
    for (const TINYSEG_WEIGHT *end = w + 4 * n; w != end; w += 4) {
        s0 += w[0];
        s1 += w[1];
        s2 += w[2];
        s3 += w[3];
    }
    a[0] += value * s0;
    a[1] += value * s1;
    a[2] += value * s2;
    a[3] += value * s3;
    return w;
}

/* Sum of (x[i] - zero_point) * w[i]. */
TINYSEG_INNER int32_t tinyseg_dot(const tinyseg_value *x, int32_t zero_point, const TINYSEG_WEIGHT *w, int32_t n)
{
    const tinyseg_value *const fours = x + (n & ~3);
    const tinyseg_value *const end = x + n;
    int32_t sum = 0;
    for (; x != fours; x += 4, w += 4) {
        sum += (x[0] - zero_point) * w[0];
        sum += (x[1] - zero_point) * w[1];
        sum += (x[2] - zero_point) * w[2];
        sum += (x[3] - zero_point) * w[3];
    }
    for (; x != end; ++x, ++w) {
        sum += (x[0] - zero_point) * w[0];
    }
    return sum;
}

/* Sum of w[i]. */
TINYSEG_INNER int32_t tinyseg_sum(const TINYSEG_WEIGHT *w, int32_t n)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < n; ++i) {
        sum += w[i];
    }
    return sum;
}

#endif
