/* SPDX-License-Identifier: Apache-2.0 */
/* Binary arithmetic by the rule of TensorFlow Lite. */
#include "tinyseg_elementwise_tflite.h"

/* `n` elements, no more than the period, of a sum or a difference. */
TINYSEG_INNER void add_scaled(
    const tinyseg_elementwise_tflite *p, const tinyseg_value *a, const tinyseg_value *b, tinyseg_value *out, uint32_t n)
{
    const tinyseg_scale a_scale = tinyseg_scale_of(p->a_multiplier);
    const tinyseg_scale b_scale = tinyseg_scale_of(p->b_multiplier);
    const tinyseg_scale scale = tinyseg_scale_of(p->multiplier);
    const int32_t unit = (int32_t)1 << p->left_shift;
    const tinyseg_value *const end = a + n;
    while (a != end) {
        const int32_t x = tinyseg_multiplied_to((*a++ - p->a_zero_point) * unit, a_scale, 0);
        const int32_t y = tinyseg_multiplied_to((*b++ - p->b_zero_point) * unit, b_scale, 0);
        int32_t sum = p->function == '+' ? x + y : p->function == 'r' ? y - x : x - y;
        sum = p->function == '2' ? sum * sum : sum;
        sum = tinyseg_multiplied_to(sum, scale, p->output.zero_point);
        *out++ = (tinyseg_value)tinyseg_clamp(sum, p->output.minimum, p->output.maximum);
    }
}

TINYSEG_INNER void multiply(
    const tinyseg_elementwise_tflite *p, const tinyseg_value *a, const tinyseg_value *b, tinyseg_value *out, uint32_t n)
{
    const tinyseg_scale scale = tinyseg_scale_of(p->multiplier);
    const tinyseg_value *const end = a + n;
    while (a != end) {
        const int32_t product = (*a++ - p->a_zero_point) * (*b++ - p->b_zero_point);
        const int32_t result = tinyseg_multiplied_to(product, scale, p->output.zero_point);
        *out++ = (tinyseg_value)tinyseg_clamp(result, p->output.minimum, p->output.maximum);
    }
}

TINYSEG_INNER void multiply_below_zero(
    const tinyseg_elementwise_tflite *p, const tinyseg_value *a, const tinyseg_value *b, tinyseg_value *out, uint32_t n)
{
    const int exchanged = p->function == 'q';
    const tinyseg_scale above = tinyseg_scale_of(exchanged ? p->b_multiplier : p->a_multiplier);
    const tinyseg_scale below = tinyseg_scale_of(p->multiplier);
    const tinyseg_value *const end = a + n;
    while (a != end) {
        const int32_t x = *a++ - p->a_zero_point;
        const int32_t y = *b++ - p->b_zero_point;
        const int32_t value = exchanged ? y : x;
        const int32_t product = x * y;
        const int32_t result = value >= 0 ? tinyseg_multiplied_to(value, above, p->output.zero_point)
                                          : tinyseg_multiplied_to(product, below, p->output.zero_point);
        *out++ = (tinyseg_value)tinyseg_clamp(result, p->output.minimum, p->output.maximum);
    }
}

TINYSEG_INNER void choose(
    const tinyseg_elementwise_tflite *p, const tinyseg_value *a, const tinyseg_value *b, tinyseg_value *out, uint32_t n)
{
    const int larger = p->function == '>';
    const tinyseg_value *const end = a + n;
    for (; a != end; ++a, ++b) {
        const int32_t chosen = (*a > *b) == larger ? *a : *b;
        *out++ = (tinyseg_value)tinyseg_clamp(chosen, p->output.minimum, p->output.maximum);
    }
}

void tinyseg_elementwise_tflite_line(
    const tinyseg_elementwise_tflite *p,
    const tinyseg_value *a,
    const tinyseg_value *b,
    tinyseg_value *out,
    uint32_t elements)
{
    while (elements > 0u) {
        const uint32_t n = elements < p->period ? elements : p->period;
        if (p->function == '>' || p->function == '<') {
            choose(p, a, b, out, n);
        } else if (p->function == '*') {
            multiply(p, a, b, out, n);
        } else if (p->function == 'p' || p->function == 'q') {
            multiply_below_zero(p, a, b, out, n);
        } else {
            add_scaled(p, a, b, out, n);
        }
        a += n;
        out += n;
        elements -= n;
    }
}
