/* SPDX-License-Identifier: Apache-2.0 */
/* Transposed convolution of float32 lines: four output channels of a pixel at a time. Output columns of equal phase
 * (remainder by the stride) take the same taps. Every sum takes its products in the order of (row, tap, channel). */
#include "tinyseg_conv2d_transpose_f32.h"

/* What a pixel takes: input column `index + taps[t].column` for each of its taps. */
typedef struct {
    const tinyseg_transpose_f32_tap *taps;
    int32_t count;
    int32_t index;
} reached;

/* Output channels `o` to `o + 3`; `w` are their weights, `first` the first input channel. */
TINYSEG_INNER void four(
    const tinyseg_conv2d_transpose_f32 *p,
    const float *const *lines,
    const reached *from,
    const float *weight,
    int32_t first,
    int32_t o,
    float *out)
{
    const int32_t n = p->input_channels / p->groups;
    float a0 = p->bias[o], a1 = p->bias[o + 1], a2 = p->bias[o + 2], a3 = p->bias[o + 3];
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        for (int32_t t = 0; lines[row] != NULL && t < from->count; ++t) {
            const int32_t column = from->index + from->taps[t].column;
            if (column < 0 || column >= p->input_width) {
                continue;
            }
            const float *x = lines[row] + column * p->input_channels + first;
            const float *w = weight + (row * p->kernel_width + from->taps[t].tap) * n * 4;
            for (int32_t i = n; i > 0; --i) {
                TINYSEG_FOUR_LOW(w);
                const float v = *x++;
                TINYSEG_LOAD_FOUR(w, w);
                a0 = tinyseg_fma(v, w0, a0);
                a1 = tinyseg_fma(v, w1, a1);
                a2 = tinyseg_fma(v, w2, a2);
                a3 = tinyseg_fma(v, w3, a3);
            }
        }
    }
    tinyseg_store_four_f32(&p->clamp, out + o, a0, a1, a2, a3);
}

/* The single output channel `o`. */
TINYSEG_INNER void one(
    const tinyseg_conv2d_transpose_f32 *p,
    const float *const *lines,
    const reached *from,
    const float *weight,
    int32_t first,
    int32_t o,
    float *out)
{
    const int32_t n = p->input_channels / p->groups;
    float a = p->bias[o];
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        for (int32_t t = 0; lines[row] != NULL && t < from->count; ++t) {
            const int32_t column = from->index + from->taps[t].column;
            if (column < 0 || column >= p->input_width) {
                continue;
            }
            const float *x = lines[row] + column * p->input_channels + first;
            const float *w = weight + (row * p->kernel_width + from->taps[t].tap) * n;
            for (int32_t i = n; i > 0; --i) {
                a = tinyseg_fma(*x++, *w++, a);
            }
        }
    }
    tinyseg_store_f32(&p->clamp, out + o, a);
}

static void pixel(const tinyseg_conv2d_transpose_f32 *p, const float *const *lines, const reached *from, float *out)
{
    const int32_t group_outputs = p->output_channels / p->groups;
    const int32_t n = p->input_channels / p->groups;
    const int32_t channel_weights = p->kernel_height * p->kernel_width * n;
    const float *w = p->weight;
    int32_t o = 0;
    for (int32_t group = 0; group < p->groups; ++group) {
        const int32_t end = o + group_outputs;
        for (; o + 4 <= end; o += 4, w += 4 * channel_weights) {
            four(p, lines, from, w, group * n, o, out);
        }
        for (; o < end; ++o, w += channel_weights) {
            one(p, lines, from, w, group * n, o, out);
        }
    }
}

void tinyseg_conv2d_transpose_f32_line(const tinyseg_conv2d_transpose_f32 *p, const float *const *lines, float *out)
{
    reached from = {p->taps, 0, 0};
    for (int32_t phase = 0; phase < p->stride; ++phase) {
        from.count = p->phase_taps[phase];
        from.index = 0;
        for (int32_t x = phase; x < p->output_width; x += p->stride, ++from.index) {
            pixel(p, lines, &from, out + x * p->output_channels);
        }
        from.taps += from.count;
    }
}
