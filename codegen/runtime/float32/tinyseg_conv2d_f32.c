/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of float32 lines.
 *
 * Four pixels that touch no padding at the sides are computed at a time, for four output channels: sixteen sums in
 * registers. Pixels at the sides go one at a time. A row of taps is one segment of the line where nothing lies between
 * the taps. Every sum takes its products in the order of (row, piece, tap, channel). */
#include "tinyseg_conv2d_f32.h"

/* Output channels `o` to `o + 3` of four pixels, the first at input column `column`. Returns the weights past these. */
TINYSEG_INNER const float *four_by_four(
    const tinyseg_conv2d_f32 *p, const float *const *lines, const float *w, int32_t column, int32_t o, float *out)
{
    const float *bias = p->bias + o;
    float a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
    float b0 = a0, b1 = a1, b2 = a2, b3 = a3;
    float c0 = a0, c1 = a1, c2 = a2, c3 = a3;
    float d0 = a0, d1 = a1, d2 = a2, d3 = a3;
    const int32_t groups = p->groups;
    const int32_t group = groups == 1 ? 0 : o / (p->output_channels / groups);
    const int joined = p->dilation == 1u && groups == 1;
    const int32_t segments = joined ? 1 : p->kernel_width;
    const float *const *const end = lines + p->kernel_height * p->pieces;
    int32_t piece = 0;
    for (; lines != end; ++lines) {
        const int32_t channels = p->piece_channels[piece];
        const int32_t used = groups == 1 ? channels : channels / groups;
        const int32_t n = joined ? p->kernel_width * channels : used;
        piece = piece + 1 == p->pieces ? 0 : piece + 1;
        if (*lines == NULL) {
            w += 4 * segments * n;
            continue;
        }
        const int32_t next_pixel = p->stride * channels;
        const float *x = *lines + column * channels + group * used;
        for (int32_t segment = 0; segment < segments; ++segment, x += p->dilation * channels) {
            const float *xa = x;
            const float *xb = xa + next_pixel;
            const float *xc = xb + next_pixel;
            const float *xd = xc + next_pixel;
            for (int32_t i = n; i > 0; --i) {
                TINYSEG_FOUR_LOW(w);
                float v;
                TINYSEG_LOAD_FOUR(w, w);
                v = *xa++;
                a0 = tinyseg_fma(v, w0, a0);
                a1 = tinyseg_fma(v, w1, a1);
                a2 = tinyseg_fma(v, w2, a2);
                a3 = tinyseg_fma(v, w3, a3);
                v = *xb++;
                b0 = tinyseg_fma(v, w0, b0);
                b1 = tinyseg_fma(v, w1, b1);
                b2 = tinyseg_fma(v, w2, b2);
                b3 = tinyseg_fma(v, w3, b3);
                v = *xc++;
                c0 = tinyseg_fma(v, w0, c0);
                c1 = tinyseg_fma(v, w1, c1);
                c2 = tinyseg_fma(v, w2, c2);
                c3 = tinyseg_fma(v, w3, c3);
                v = *xd++;
                d0 = tinyseg_fma(v, w0, d0);
                d1 = tinyseg_fma(v, w1, d1);
                d2 = tinyseg_fma(v, w2, d2);
                d3 = tinyseg_fma(v, w3, d3);
            }
        }
    }
    const int32_t outputs = p->output_channels;
    tinyseg_store_four_f32(&p->clamp, out, a0, a1, a2, a3);
    tinyseg_store_four_f32(&p->clamp, out + outputs, b0, b1, b2, b3);
    tinyseg_store_four_f32(&p->clamp, out + 2 * outputs, c0, c1, c2, c3);
    tinyseg_store_four_f32(&p->clamp, out + 3 * outputs, d0, d1, d2, d3);
    return w;
}

/* As above for the single output channel `o`. */
TINYSEG_INNER const float *one_by_four(
    const tinyseg_conv2d_f32 *p, const float *const *lines, const float *w, int32_t column, int32_t o, float *out)
{
    float a = p->bias[o];
    float b = a;
    float c = a;
    float d = a;
    const int32_t groups = p->groups;
    const int32_t group = groups == 1 ? 0 : o / (p->output_channels / groups);
    const int joined = p->dilation == 1u && groups == 1;
    const int32_t segments = joined ? 1 : p->kernel_width;
    const float *const *const end = lines + p->kernel_height * p->pieces;
    int32_t piece = 0;
    for (; lines != end; ++lines) {
        const int32_t channels = p->piece_channels[piece];
        const int32_t used = groups == 1 ? channels : channels / groups;
        const int32_t n = joined ? p->kernel_width * channels : used;
        piece = piece + 1 == p->pieces ? 0 : piece + 1;
        if (*lines == NULL) {
            w += segments * n;
            continue;
        }
        const int32_t next_pixel = p->stride * channels;
        const float *x = *lines + column * channels + group * used;
        for (int32_t segment = 0; segment < segments; ++segment, x += p->dilation * channels) {
            const float *xa = x;
            const float *xb = xa + next_pixel;
            const float *xc = xb + next_pixel;
            const float *xd = xc + next_pixel;
            for (int32_t i = n; i > 0; --i) {
                const float v = *w++;
                a = tinyseg_fma(*xa++, v, a);
                b = tinyseg_fma(*xb++, v, b);
                c = tinyseg_fma(*xc++, v, c);
                d = tinyseg_fma(*xd++, v, d);
            }
        }
    }
    const int32_t outputs = p->output_channels;
    tinyseg_store_f32(&p->clamp, out, a);
    tinyseg_store_f32(&p->clamp, out + outputs, b);
    tinyseg_store_f32(&p->clamp, out + 2 * outputs, c);
    tinyseg_store_f32(&p->clamp, out + 3 * outputs, d);
    return w;
}

/* The taps of a window at `column` (negative in the left padding) that lie inside the line: from `first` to before
 * `last`. */
typedef struct {
    int32_t first;
    int32_t last;
} taps_inside;

static taps_inside clip_taps(const tinyseg_conv2d_f32 *p, int32_t column)
{
    const int32_t dilation = p->dilation;
    const int32_t room = p->input_width - column;
    taps_inside taps;
    taps.first = column < 0 ? (-column + dilation - 1) / dilation : 0;
    taps.last = room <= 0 ? 0 : (room + dilation - 1) / dilation;
    taps.last = taps.last > p->kernel_width ? p->kernel_width : taps.last;
    taps.first = taps.first > taps.last ? taps.last : taps.first;
    return taps;
}

/* Output channels `o` to `o + 3` of one pixel. Returns the weights past these. */
TINYSEG_INNER const float *four_by_one(
    const tinyseg_conv2d_f32 *p,
    const float *const *lines,
    const float *w,
    const taps_inside *taps,
    int32_t column,
    int32_t o,
    float *out)
{
    const float *bias = p->bias + o;
    float a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
    const int32_t groups = p->groups;
    const int32_t group = groups == 1 ? 0 : o / (p->output_channels / groups);
    const int joined = p->dilation == 1u && groups == 1;
    const int32_t inside = taps->last - taps->first;
    const int32_t segments = joined ? 1 : inside;
    const float *const *const end = lines + p->kernel_height * p->pieces;
    int32_t piece = 0;
    for (; lines != end; ++lines) {
        const int32_t channels = p->piece_channels[piece];
        const int32_t used = groups == 1 ? channels : channels / groups;
        const int32_t n = joined ? inside * channels : used;
        const float *const next = w + 4 * p->kernel_width * used;
        piece = piece + 1 == p->pieces ? 0 : piece + 1;
        if (*lines != NULL) {
            const float *x = *lines + (column + taps->first * p->dilation) * channels + group * used;
            w += 4 * taps->first * used;
            for (int32_t segment = 0; segment < segments; ++segment, x += p->dilation * channels) {
                const float *xa = x;
                for (int32_t i = n; i > 0; --i) {
                    TINYSEG_FOUR_LOW(w);
                    const float v = *xa++;
                    TINYSEG_LOAD_FOUR(w, w);
                    a0 = tinyseg_fma(v, w0, a0);
                    a1 = tinyseg_fma(v, w1, a1);
                    a2 = tinyseg_fma(v, w2, a2);
                    a3 = tinyseg_fma(v, w3, a3);
                }
            }
        }
        w = next;
    }
    tinyseg_store_four_f32(&p->clamp, out, a0, a1, a2, a3);
    return w;
}

/* The single output channel `o` of one pixel. */
TINYSEG_INNER const float *one_by_one(
    const tinyseg_conv2d_f32 *p,
    const float *const *lines,
    const float *w,
    const taps_inside *taps,
    int32_t column,
    int32_t o,
    float *out)
{
    float a = p->bias[o];
    const int32_t groups = p->groups;
    const int32_t group = groups == 1 ? 0 : o / (p->output_channels / groups);
    const float *const *const end = lines + p->kernel_height * p->pieces;
    int32_t piece = 0;
    for (; lines != end; ++lines) {
        const int32_t channels = p->piece_channels[piece];
        const int32_t used = groups == 1 ? channels : channels / groups;
        const float *const next = w + p->kernel_width * used;
        piece = piece + 1 == p->pieces ? 0 : piece + 1;
        if (*lines != NULL) {
            w += taps->first * used;
            for (int32_t tap = taps->first; tap < taps->last; ++tap) {
                const float *x = *lines + (column + tap * p->dilation) * channels + group * used;
                for (int32_t i = used; i > 0; --i) {
                    a = tinyseg_fma(*x++, *w++, a);
                }
            }
        }
        w = next;
    }
    tinyseg_store_f32(&p->clamp, out, a);
    return w;
}

void tinyseg_conv2d_f32_line(const tinyseg_conv2d_f32 *p, const float *const *lines, float *out)
{
    const int32_t stride = p->stride;
    const int32_t extent = (p->kernel_width - 1) * p->dilation;
    const int32_t outputs = p->output_channels;
    const int32_t group_outputs = outputs / p->groups;
    int32_t column = -(int32_t)p->pad_left;
    for (int32_t x = 0; x < p->output_width;) {
        const int four = column >= 0 && x + 4 <= p->output_width && column + 3 * stride + extent < p->input_width;
        const taps_inside taps = clip_taps(p, column);
        const float *w = p->weight;
        for (int32_t o = 0, end = group_outputs; o < outputs;) {
            const int repeating = end - o == 3 && group_outputs > 3;
            const int block = end - o >= 4 || repeating;
            o -= repeating ? 1 : 0;
            if (four) {
                w = block ? four_by_four(p, lines, w, column, o, out + o) : one_by_four(p, lines, w, column, o, out + o);
            } else {
                w = block ? four_by_one(p, lines, w, &taps, column, o, out + o)
                          : one_by_one(p, lines, w, &taps, column, o, out + o);
            }
            o += block ? 4 : 1;
            end += o == end ? group_outputs : 0;
        }
        x += four ? 4 : 1;
        column += four ? 4 * stride : stride;
        out += four ? 4 * outputs : outputs;
    }
}
