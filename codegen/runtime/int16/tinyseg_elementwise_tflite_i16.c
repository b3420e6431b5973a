/* SPDX-License-Identifier: Apache-2.0 */
/* Binary arithmetic of int16 by the rule of TensorFlow Lite. */
#include "tinyseg_elementwise_tflite_i16.h"

/* The index of b that follows, which repeats. */
TINYSEG_INLINE uint32_t following(const tinyseg_elementwise_tflite *p, uint32_t index)
{
    return index + 1u == p->period ? 0u : index + 1u;
}

TINYSEG_INLINE int32_t sum_of(char function, int32_t x, int32_t y)
{
    return function == '+' ? x + y : function == 'r' ? y - x : x - y;
}

TINYSEG_INLINE int16_t clamped(const tinyseg_elementwise_tflite *p, int32_t result)
{
    return (int16_t)tinyseg_clamp(result, p->output.minimum, p->output.maximum);
}

TINYSEG_INNER void add_scaled(
    const tinyseg_elementwise_tflite *p, const int16_t *a, const int16_t *b, int16_t *out, uint32_t elements)
{
    const tinyseg_scale a_scale = tinyseg_scale_of(p->a_multiplier);
    const tinyseg_scale b_scale = tinyseg_scale_of(p->b_multiplier);
    const tinyseg_scale scale = tinyseg_scale_of(p->multiplier);
    const int32_t unit = (int32_t)1 << p->left_shift;
    for (uint32_t i = 0, j = 0; i < elements; ++i, j = following(p, j)) {
        const int32_t x = tinyseg_multiplied_to((a[i] - p->a_zero_point) * unit, a_scale, 0);
        const int32_t y = tinyseg_multiplied_to((b[j] - p->b_zero_point) * unit, b_scale, 0);
        out[i] = clamped(p, tinyseg_multiplied_to(sum_of(p->function, x, y), scale, p->output.zero_point));
    }
}

/* value / 2^right, ties away from zero */
TINYSEG_INLINE int32_t shifted(int32_t value, uint32_t right)
{
    return right == 0u ? value : tinyseg_rounding_shift(value, right, 0);
}

TINYSEG_INNER void add_powers(
    const tinyseg_elementwise_tflite *p, const int16_t *a, const int16_t *b, int16_t *out, uint32_t elements)
{
    const uint32_t a_right = (uint32_t)p->a_multiplier;
    const uint32_t b_right = (uint32_t)p->b_multiplier;
    for (uint32_t i = 0, j = 0; i < elements; ++i, j = following(p, j)) {
        const int32_t x = shifted(a[i] - p->a_zero_point, a_right);
        const int32_t y = shifted(b[j] - p->b_zero_point, b_right);
        const int32_t sum = tinyseg_clamp(sum_of(p->function, x, y), INT16_MIN, INT16_MAX);
        out[i] = clamped(p, sum + p->output.zero_point);
    }
}

TINYSEG_INNER void multiply(
    const tinyseg_elementwise_tflite *p, const int16_t *a, const int16_t *b, int16_t *out, uint32_t elements)
{
    const tinyseg_scale scale = tinyseg_scale_of(p->multiplier);
    for (uint32_t i = 0, j = 0; i < elements; ++i, j = following(p, j)) {
        const int32_t product = (a[i] - p->a_zero_point) * (b[j] - p->b_zero_point);
        out[i] = clamped(p, tinyseg_multiplied_to(product, scale, p->output.zero_point));
    }
}

TINYSEG_INNER void choose(
    const tinyseg_elementwise_tflite *p, const int16_t *a, const int16_t *b, int16_t *out, uint32_t elements)
{
    const int larger = p->function == '>';
    for (uint32_t i = 0, j = 0; i < elements; ++i, j = following(p, j)) {
        out[i] = clamped(p, (a[i] > b[j]) == larger ? a[i] : b[j]);
    }
}

void tinyseg_elementwise_tflite_i16_line(
    const tinyseg_elementwise_tflite *p, const int16_t *a, const int16_t *b, int16_t *out, uint32_t elements)
{
    if (p->function == '>' || p->function == '<') {
        choose(p, a, b, out, elements);
    } else if (p->function == '*') {
        multiply(p, a, b, out, elements);
    } else if (p->left_shift == 0u) {
        add_powers(p, a, b, out, elements);
    } else {
        add_scaled(p, a, b, out, elements);
    }
}
