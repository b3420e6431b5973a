/* SPDX-License-Identifier: Apache-2.0 */
/* From one quantisation to another: what dequantising and quantising in float32 gives, bit for bit.
 *
 * Where the scales are equal no rounding changes anything: a difference n of at most 2^16 leaves float32(n * scale) /
 * scale within 2^-7 of n. Integers are enough then. */
#include "tinyseg_requantization.h"

static int32_t load(const tinyseg_requantization *p, const void *in, uint32_t i)
{
    switch (p->from) {
    case 'b':
        return ((const int8_t *)in)[i];
    case 'B':
        return ((const uint8_t *)in)[i];
    case 'h':
        return ((const int16_t *)in)[i];
    default:
        return ((const uint16_t *)in)[i];
    }
}

static void store(const tinyseg_requantization *p, void *out, uint32_t i, int32_t value)
{
    if (p->to == 'b' || p->to == 'B') {
        ((uint8_t *)out)[i] = (uint8_t)value;
    } else {
        ((uint16_t *)out)[i] = (uint16_t)value;
    }
}

void tinyseg_requantization_line(const tinyseg_requantization *p, const void *in, void *out, uint32_t elements)
{
    const int32_t low = p->minimum - p->output_zero_point;
    const int32_t high = p->maximum - p->output_zero_point;
    const int rescaled = p->input_scale < p->output_scale || p->input_scale > p->output_scale;
    for (uint32_t i = 0; i < elements; ++i) {
        int32_t value = load(p, in, i) - p->input_zero_point;
        if (rescaled) {
            float real = (float)value * p->input_scale;
            TINYSEG_ROUNDED(real);
            value = tinyseg_quantized_f32(real, p->output_scale, low, high);
        }
        store(p, out, i, tinyseg_clamp(value, low, high) + p->output_zero_point);
    }
}
