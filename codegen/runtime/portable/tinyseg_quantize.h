/* SPDX-License-Identifier: Apache-2.0 */
/* Between float32 and int8 or uint8 lines. */
#ifndef TINYSEG_QUANTIZE_H
#define TINYSEG_QUANTIZE_H

#include "tinyseg_requantize.h"

typedef struct {
    float scale;
    int16_t zero_point;
    int16_t minimum; /* -128 for int8, 0 for uint8 */
} tinyseg_quantization;

/* round_half_even(value / scale) between bounds, before the zero point is added; NaN counts as 0. */
TINYSEG_INLINE int32_t tinyseg_quantized_f32(float value, float scale, int32_t low, int32_t high)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) { /* NaN, also where the compiler assumes that there is none */
        value = 0.0f;
    }
    value /= scale;
    TINYSEG_ROUNDED(value);
    return tinyseg_clamp(tinyseg_round(value), low, high);
}

/* `out` may be `in`: an element is read before a byte is written at or before it. */
void tinyseg_quantize_line(const tinyseg_quantization *p, const float *in, uint8_t *out, uint32_t elements);

/* Works from the last element to the first, so that `in` may be the first bytes of `out`. */
void tinyseg_dequantize_line(const tinyseg_quantization *p, const uint8_t *in, float *out, uint32_t elements);

#endif
