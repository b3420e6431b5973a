/* SPDX-License-Identifier: Apache-2.0 */
/* Between float32 and int16 or uint16 lines. */
#include "tinyseg_quantize_i16.h"

void tinyseg_quantize_i16_line(const tinyseg_quantization_i16 *p, const float *in, uint16_t *out, uint32_t elements)
{
    const int32_t low = p->minimum - p->zero_point;
    for (uint32_t i = 0; i < elements; ++i) {
        out[i] = (uint16_t)(tinyseg_quantized_f32(in[i], p->scale, low, low + 65535) + p->zero_point);
    }
}

void tinyseg_dequantize_i16_line(const tinyseg_quantization_i16 *p, const uint16_t *in, float *out, uint32_t elements)
{
    for (uint32_t i = elements; i-- > 0u;) {
        const int32_t value = p->minimum < 0 ? (int16_t)in[i] : in[i];
        out[i] = (float)(value - p->zero_point) * p->scale;
    }
}
