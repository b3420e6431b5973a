/* Fully connected layer in float32. Every sum starts from the bias and takes its products in the order of the input. */
#include "tinyseg_dense_f32.h"

TINYSEG_INNER const float *four_outputs(const float *x, const float *w, int32_t n, const float *from, float *sums)
{
    float a0 = from[0], a1 = from[1], a2 = from[2], a3 = from[3];
    for (; n >= 2; n -= 2) {
        TINYSEG_FOUR_LOW(w);
        float v = *x++;
        TINYSEG_LOAD_FOUR(w, w);
        a0 = tinyseg_fma(v, w0, a0);
        a1 = tinyseg_fma(v, w1, a1);
        a2 = tinyseg_fma(v, w2, a2);
        a3 = tinyseg_fma(v, w3, a3);
        v = *x++;
        TINYSEG_LOAD_FOUR(w, w);
        a0 = tinyseg_fma(v, w0, a0);
        a1 = tinyseg_fma(v, w1, a1);
        a2 = tinyseg_fma(v, w2, a2);
        a3 = tinyseg_fma(v, w3, a3);
    }
    if (n != 0) {
        TINYSEG_FOUR_LOW(w);
        const float v = *x;
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

void tinyseg_dense_f32_line(const tinyseg_dense_f32 *p, uint32_t index, const float *line, float *sums, float *out)
{
    const int32_t outputs = p->output_channels;
    const int32_t n = (int32_t)p->line_elements;
    const int last = index + 1u == p->lines;
    const float *const from = index == 0u ? p->bias : sums;
    float *const to = last ? out : sums;
    const float *w = p->weight + (size_t)index * p->line_elements * p->output_channels;
    int32_t o = 0;
    for (; o + 4 <= outputs; o += 4) {
        w = four_outputs(line, w, n, from + o, to + o);
        if (last) {
            tinyseg_store_four_f32(&p->clamp, to + o, to[o], to[o + 1], to[o + 2], to[o + 3]);
        }
    }
    for (; o < outputs; ++o) {
        float a = from[o];
        for (int32_t i = 0; i < n; ++i) {
            a = tinyseg_fma(line[i], *w++, a);
        }
        to[o] = a;
        if (last) {
            tinyseg_store_f32(&p->clamp, to + o, a);
        }
    }
}
