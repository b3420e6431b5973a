/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on int16 lines. */
#include "tinyseg_elementwise_i16.h"

void tinyseg_elementwise_i16_line(
    const tinyseg_elementwise_i16 *p, const int16_t *a, const int16_t *b, int16_t *out, uint32_t elements)
{
    const int32_t low = p->minimum - p->output_zero_point;
    const int32_t high = p->maximum - p->output_zero_point;
    uint32_t j = 0;
    for (uint32_t i = 0; i < elements; ++i) {
        float u = (float)(a[i] - p->a_zero_point) * p->a_scale;
        float v = (float)(b[j] - p->b_zero_point) * p->b_scale;
        TINYSEG_ROUNDED(u);
        TINYSEG_ROUNDED(v);
        u = p->function == '*' ? u * v : p->function == '+' ? u + v : p->function == '-' ? u - v : v - u;
        TINYSEG_ROUNDED(u);
        u /= p->output_scale;
        TINYSEG_ROUNDED(u);
        out[i] = (int16_t)(tinyseg_clamp(tinyseg_round(u), low, high) + p->output_zero_point);
        j = j + 1u == p->period ? 0u : j + 1u;
    }
}

void tinyseg_clip_i16_line(int32_t low, int32_t high, const int16_t *in, int16_t *out, uint32_t elements)
{
    for (uint32_t i = 0; i < elements; ++i) {
        out[i] = (int16_t)tinyseg_clamp(in[i], low, high);
    }
}
