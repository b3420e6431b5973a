/* SPDX-License-Identifier: Apache-2.0 */
/* Binary arithmetic and clamps of float32 lines. */
#include "tinyseg_elementwise_f32.h"

TINYSEG_INLINE float one(uint8_t function, float a, float b)
{
    switch (function) {
    case '+':
        return a + b;
    case '-':
        return a - b;
    case 'r':
        return b - a;
    case '*':
        return a * b;
    case '/':
        return a / b;
    case 'd':
        return b / a;
    case '>':
        return a > b ? a : b;
    case 'M':
        return b > a ? b : a;
    case 'm':
        return b < a ? b : a;
    default:
        return a < b ? a : b;
    }
}

/* The function on `n` elements; `step` is 0 where `b` is a single number. */
static void compute(
    const tinyseg_elementwise_f32 *p, const float *a, const float *b, uint32_t step, float *out, uint32_t n)
{
    const uint8_t function = p->function;
    for (; n >= 4u; n -= 4u, a += 4, b += 4u * step, out += 4) {
        TINYSEG_FOUR_LOW(a);
        TINYSEG_FOUR_HIGH(b);
        const float *from = a;
        TINYSEG_LOAD_FOUR(a, from);
        if (step != 0u) {
            from = b;
            TINYSEG_LOAD_FOUR(b, from);
        } else {
            b0 = b1 = b2 = b3 = *b;
        }
        if (function == '+') {
            tinyseg_store_four_f32(&p->clamp, out, a0 + b0, a1 + b1, a2 + b2, a3 + b3);
        } else if (function == '*') {
            tinyseg_store_four_f32(&p->clamp, out, a0 * b0, a1 * b1, a2 * b2, a3 * b3);
        } else {
            tinyseg_store_f32(&p->clamp, out, one(function, a0, b0));
            tinyseg_store_f32(&p->clamp, out + 1, one(function, a1, b1));
            tinyseg_store_f32(&p->clamp, out + 2, one(function, a2, b2));
            tinyseg_store_f32(&p->clamp, out + 3, one(function, a3, b3));
        }
    }
    for (; n > 0u; --n, ++a, b += step, ++out) {
        tinyseg_store_f32(&p->clamp, out, one(function, *a, *b));
    }
}

void tinyseg_elementwise_f32_line(
    const tinyseg_elementwise_f32 *p, const float *a, const float *b, float *out, uint32_t elements)
{
    const uint32_t run = p->period == 1u ? elements : p->period;
    for (uint32_t begin = 0; begin < elements; begin += run) {
        compute(p, a + begin, b, p->period == 1u ? 0u : 1u, out + begin, run);
    }
}

void tinyseg_clip_f32_line(const tinyseg_clamp_f32 *p, const float *in, float *out, uint32_t elements)
{
    if (p->kind == TINYSEG_RELU_F32) {
        for (uint32_t i = 0; i < elements; ++i) {
            tinyseg_store_relu_f32(out + i, in[i]);
        }
        return;
    }
    for (uint32_t i = 0; i < elements; ++i) {
        out[i] = tinyseg_clip_f32(in[i], p->minimum, p->maximum);
    }
}
