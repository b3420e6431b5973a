/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution of float32 lines: four pixels of four channels at a time where no tap lies in the padding at the
 * sides. Every sum takes its products in the order of (row, tap). */
#include "tinyseg_depthwise_f32.h"

/* Channels `c` to `c + 3` of `tiles` times four pixels, the first at input column `column`. */
TINYSEG_INNER void four_by_four(
    const tinyseg_depthwise_f32 *p, const float *const *lines, int32_t column, int32_t tiles, int32_t c, float *out)
{
    const int32_t channels = p->channels;
    const int32_t rows = p->kernel_height;
    const int32_t taps = p->kernel_width;
    const float bias0 = p->bias[c], bias1 = p->bias[c + 1], bias2 = p->bias[c + 2], bias3 = p->bias[c + 3];
    /* what is left to the next pixel, and from the fourth pixel back to the next tap, after a load of four */
    const int32_t next_pixel = p->stride * channels - 4;
    const int32_t next_tap = p->dilation * channels - 3 * p->stride * channels - 4;
    const int32_t next_weight = channels - 4;
    int32_t first = column * channels + c;
    for (; tiles > 0; --tiles, first += 4 * p->stride * channels) {
        float a0 = bias0, a1 = bias1, a2 = bias2, a3 = bias3;
        float b0 = bias0, b1 = bias1, b2 = bias2, b3 = bias3;
        float c0 = bias0, c1 = bias1, c2 = bias2, c3 = bias3;
        float d0 = bias0, d1 = bias1, d2 = bias2, d3 = bias3;
        const float *w = p->weight + c;
        for (int32_t row = 0; row < rows; ++row) {
            const float *x = lines[row];
            if (x == NULL) {
                w += taps * channels;
                continue;
            }
            x += first;
            for (int32_t tap = taps;;) {
                TINYSEG_FOUR_LOW(w);
                TINYSEG_FOUR_HIGH(x);
                TINYSEG_LOAD_FOUR(w, w);
                w += next_weight;
                TINYSEG_LOAD_FOUR(x, x);
                x += next_pixel;
                a0 = tinyseg_fma(x0, w0, a0);
                a1 = tinyseg_fma(x1, w1, a1);
                a2 = tinyseg_fma(x2, w2, a2);
                a3 = tinyseg_fma(x3, w3, a3);
                TINYSEG_LOAD_FOUR(x, x);
                x += next_pixel;
                b0 = tinyseg_fma(x0, w0, b0);
                b1 = tinyseg_fma(x1, w1, b1);
                b2 = tinyseg_fma(x2, w2, b2);
                b3 = tinyseg_fma(x3, w3, b3);
                TINYSEG_LOAD_FOUR(x, x);
                x += next_pixel;
                c0 = tinyseg_fma(x0, w0, c0);
                c1 = tinyseg_fma(x1, w1, c1);
                c2 = tinyseg_fma(x2, w2, c2);
                c3 = tinyseg_fma(x3, w3, c3);
                TINYSEG_LOAD_FOUR(x, x);
                d0 = tinyseg_fma(x0, w0, d0);
                d1 = tinyseg_fma(x1, w1, d1);
                d2 = tinyseg_fma(x2, w2, d2);
                d3 = tinyseg_fma(x3, w3, d3);
                if (--tap == 0) {
                    break;
                }
                x += next_tap;
            }
        }
        tinyseg_store_four_f32(&p->clamp, out, a0, a1, a2, a3);
        out += channels;
        tinyseg_store_four_f32(&p->clamp, out, b0, b1, b2, b3);
        out += channels;
        tinyseg_store_four_f32(&p->clamp, out, c0, c1, c2, c3);
        out += channels;
        tinyseg_store_four_f32(&p->clamp, out, d0, d1, d2, d3);
        out += channels;
    }
}

/* The taps of one pixel at input column `column` (negative in the left padding) that lie inside the line. */
typedef struct {
    int32_t column; /* of the first one */
    int32_t first;
    int32_t count;
} taps_inside;

static taps_inside clip_taps(const tinyseg_depthwise_f32 *p, int32_t column)
{
    const int32_t dilation = p->dilation;
    const int32_t room = p->input_width - column;
    int32_t last = room <= 0 ? 0 : (room + dilation - 1) / dilation;
    taps_inside taps;
    taps.first = column < 0 ? (-column + dilation - 1) / dilation : 0;
    last = last > p->kernel_width ? p->kernel_width : last;
    taps.count = last > taps.first ? last - taps.first : 0;
    taps.column = column + taps.first * dilation;
    return taps;
}

/* Channels `c` to `c + 3` of one pixel. */
TINYSEG_INNER void four_by_one(
    const tinyseg_depthwise_f32 *p, const float *const *lines, const taps_inside *taps, int32_t c, float *out)
{
    const int32_t channels = p->channels;
    const float *bias = p->bias + c;
    float a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
    const int32_t next_tap = p->dilation * channels;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        if (lines[row] == NULL) {
            continue;
        }
        int32_t x_at = taps->column * channels + c;
        int32_t w_at = (row * p->kernel_width + taps->first) * channels + c;
        for (int32_t tap = taps->count; tap > 0; --tap, x_at += next_tap, w_at += channels) {
            TINYSEG_FOUR_LOW(w);
            TINYSEG_FOUR_HIGH(x);
            const float *w = p->weight + w_at;
            const float *x = lines[row] + x_at;
            TINYSEG_LOAD_FOUR(w, w);
            TINYSEG_LOAD_FOUR(x, x);
            a0 = tinyseg_fma(x0, w0, a0);
            a1 = tinyseg_fma(x1, w1, a1);
            a2 = tinyseg_fma(x2, w2, a2);
            a3 = tinyseg_fma(x3, w3, a3);
        }
    }
    tinyseg_store_four_f32(&p->clamp, out, a0, a1, a2, a3);
}

/* Channel `c` of one pixel. */
TINYSEG_INNER void one_by_one(
    const tinyseg_depthwise_f32 *p, const float *const *lines, const taps_inside *taps, int32_t c, float *out)
{
    const int32_t channels = p->channels;
    const int32_t next_tap = p->dilation * channels;
    float a = p->bias[c];
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        if (lines[row] == NULL) {
            continue;
        }
        int32_t x_at = taps->column * channels + c;
        int32_t w_at = (row * p->kernel_width + taps->first) * channels + c;
        for (int32_t tap = taps->count; tap > 0; --tap, x_at += next_tap, w_at += channels) {
            a = tinyseg_fma(lines[row][x_at], p->weight[w_at], a);
        }
    }
    tinyseg_store_f32(&p->clamp, out, a);
}

/* Times four pixels from input column `column` on, of `pixels`, that touch no padding at the sides. */
static int32_t whole_tiles(const tinyseg_depthwise_f32 *p, int32_t column, int32_t pixels)
{
    const int32_t room = p->input_width - 1 - (p->kernel_width - 1) * p->dilation - column;
    const int32_t inside = room < 0 ? 0 : room / p->stride + 1;
    return column < 0 ? 0 : (inside < pixels ? inside : pixels) / 4;
}

void tinyseg_depthwise_f32_line(const tinyseg_depthwise_f32 *p, const float *const *lines, float *out)
{
    const int32_t stride = p->stride;
    const int32_t channels = p->channels;
    int32_t column = -(int32_t)p->pad_left;
    for (int32_t x = 0; x < p->output_width;) {
        const int32_t tiles = channels >= 4 ? whole_tiles(p, column, p->output_width - x) : 0;
        const taps_inside taps = clip_taps(p, column);
        for (int32_t c = 0; c < channels; c += 4) {
            const int32_t block = c + 4 <= channels ? c : channels - 4; /* the last one may repeat some channels */
            if (tiles > 0) {
                four_by_four(p, lines, column, tiles, block, out + block);
            } else if (channels >= 4) {
                four_by_one(p, lines, &taps, block, out + block);
            } else {
                for (int32_t k = 0; k < channels; ++k) {
                    one_by_one(p, lines, &taps, k, out + k);
                }
            }
        }
        const int32_t pixels = tiles > 0 ? 4 * tiles : 1;
        x += pixels;
        column += pixels * stride;
        out += pixels * channels;
    }
}
