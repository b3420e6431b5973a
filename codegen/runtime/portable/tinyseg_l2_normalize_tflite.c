/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors of the length 1 by the rule of TensorFlow Lite. */
#include "tinyseg_l2_normalize_tflite.h"

#include "tinyseg_fixed_point.h"

#define STEPS 5 /* of Newton's method */

/* 1 / sqrt(value) = multiplier * 2^(-31 - right), the root by Newton's method in Q3.28. */
static int32_t inverse_root(int32_t value, int32_t *right)
{
    int32_t shift = 11;
    int32_t x = 1 << 28;
    int32_t half;
    if (value <= 1) {
        *right = 0;
        return INT32_MAX;
    }
    while (value >= 1 << 29) {
        value /= 4;
        ++shift;
    }
    while (value < 1 << 27) {
        value *= 4;
        --shift;
    }
    half = tinyseg_rounded_shift(value >> 1, 1u);
    for (int step = 0; step < STEPS; ++step) {
        const int32_t cube = tinyseg_saturated((int64_t)tinyseg_doubled_high(tinyseg_doubled_high(x, x), x) * 64);
        x = tinyseg_saturated((int64_t)(tinyseg_doubled_high((1 << 28) + (1 << 27), x) - tinyseg_doubled_high(half, cube)) * 8);
    }
    x = tinyseg_doubled_high(x, 1518500250); /* sqrt(1/2) */
    if (shift < 0) {
        x = (int32_t)((uint32_t)x << -shift);
        shift = 0;
    }
    *right = shift;
    return x;
}

void tinyseg_l2_normalize_tflite_line(const tinyseg_l2_normalize_tflite *p, const int8_t *in, int8_t *out)
{
    for (uint32_t group = 0; group < p->groups; ++group, in += p->elements, out += p->elements) {
        int32_t sum = 0;
        int32_t right;
        int32_t multiplier;
        int32_t left;
        for (uint32_t i = 0; i < p->elements; ++i) {
            const int32_t value = in[i] - p->input_zero_point;
            sum += value * value;
        }
        multiplier = inverse_root(sum, &right);
        left = p->of_uint8 != 0u ? 7 : right < 7 ? 7 - right : 0;
        for (uint32_t i = 0; i < p->elements; ++i) {
            const int32_t value = in[i] - p->input_zero_point;
            const int32_t product = tinyseg_doubled_high(value * (1 << left), multiplier);
            const int32_t result = tinyseg_rounded_shift(product, (uint32_t)(right + left - 7));
            out[i] = (int8_t)(result < -128 ? -128 : result > 127 ? 127 : result);
        }
    }
}
