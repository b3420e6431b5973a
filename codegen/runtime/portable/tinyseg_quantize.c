/* SPDX-License-Identifier: Apache-2.0 */
/* Between float32 and int8 or uint8 lines. */
#include "tinyseg_quantize.h"

void tinyseg_quantize_line(const tinyseg_quantization *p, const float *in, uint8_t *out, uint32_t elements)
{
    const int32_t low = p->minimum - p->zero_point;
    for (uint32_t i = 0; i < elements; ++i) {
        out[i] = (uint8_t)(tinyseg_quantized_f32(in[i], p->scale, low, low + 255) + p->zero_point);
    }
}

void tinyseg_dequantize_line(const tinyseg_quantization *p, const uint8_t *in, float *out, uint32_t elements)
{
    for (uint32_t i = elements; i-- > 0u;) {
        const int32_t value = p->minimum < 0 ? (int8_t)in[i] : in[i];
        out[i] = (float)(value - p->zero_point) * p->scale;
    }
}
