/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer in float32. Every sum starts from the bias and takes its products in the order of the input. */
#include "tinyseg_dense_f32.h"

TINYSEG_INNER const float *four_outputs(const float *x, const float *w, int32_t n, const float *from, float *sums)
{
    float a0 = from[0], a1 = from[1], a2 = from[2], a3 = from[3];
    for (; n > 0; --n) {
        TINYSEG_FOUR_LOW(w);
        const float v = *x++;
        TINYSEG_LOAD_FOUR(w, w);
        a0 = tinyseg_fma(v, w0, a0);
        a1 = tinyseg_fma(v, w1, a1);
        a2 = tinyseg_fma(v, w2, a2);
        a3 = tinyseg_fma(v, w3, a3);
    }
    sums[0] = a0;
    sums[1] = a1;
    sums[2] = a2;
    sums[3] = a3;
    return w;
}

/* Two blocks of four outputs; `next` is the second block's weights. */
TINYSEG_INNER void eight_outputs(
    const float *x, const float *w, const float *next, int32_t n, const float *from, float *sums)
{
    float a0 = from[0], a1 = from[1], a2 = from[2], a3 = from[3];
    float b0 = from[4], b1 = from[5], b2 = from[6], b3 = from[7];
    for (; n > 0; --n) {
        TINYSEG_FOUR_LOW(w);
        TINYSEG_FOUR_HIGH(v);
        const float input = *x++;
        TINYSEG_LOAD_FOUR(w, w);
        TINYSEG_LOAD_FOUR(v, next);
        a0 = tinyseg_fma(input, w0, a0);
        a1 = tinyseg_fma(input, w1, a1);
        a2 = tinyseg_fma(input, w2, a2);
        a3 = tinyseg_fma(input, w3, a3);
        b0 = tinyseg_fma(input, v0, b0);
        b1 = tinyseg_fma(input, v1, b1);
        b2 = tinyseg_fma(input, v2, b2);
        b3 = tinyseg_fma(input, v3, b3);
    }
    sums[0] = a0;
    sums[1] = a1;
    sums[2] = a2;
    sums[3] = a3;
    sums[4] = b0;
    sums[5] = b1;
    sums[6] = b2;
    sums[7] = b3;
}

void tinyseg_dense_f32_line(const tinyseg_dense_f32 *p, uint32_t index, const float *line, float *sums, float *out)
{
    const int32_t outputs = p->output_channels;
    const int32_t n = (int32_t)p->line_elements;
    const int last = index + 1u == p->lines;
    const float *const from = index == 0u ? p->bias : sums;
    float *const to = last ? out : sums;
    const float *w = p->weight + (size_t)index * p->line_elements * p->output_channels;
    int32_t o = 0;
    for (; o + 8 <= outputs; o += 8, w += 8 * n) {
        eight_outputs(line, w, w + 4 * n, n, from + o, to + o);
    }
    for (; o + 4 <= outputs; o += 4) {
        w = four_outputs(line, w, n, from + o, to + o);
    }
    for (; o < outputs; ++o) {
        float a = from[o];
        for (int32_t i = 0; i < n; ++i) {
            a = tinyseg_fma(line[i], *w++, a);
        }
        to[o] = a;
    }
    for (o = 0; last && o < outputs; ++o) {
        tinyseg_store_f32(&p->clamp, out + o, out[o]);
    }
}
