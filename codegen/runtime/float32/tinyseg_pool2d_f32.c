/* SPDX-License-Identifier: Apache-2.0 */
/* Max and average pooling of float32 lines. */
#include "tinyseg_pool2d_f32.h"

#include <math.h>

/* The taps of a window that lie inside the line: from `first` to before `last`. */
typedef struct {
    int32_t first;
    int32_t last;
} taps_inside;

static taps_inside clip_taps(const tinyseg_pool2d_f32 *p, int32_t column)
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

static void largest(float *out, const float *in, int32_t channels)
{
    for (int32_t c = 0; c < channels; ++c) {
        out[c] = in[c] > out[c] ? in[c] : out[c];
    }
}

static void sum(float *out, const float *in, int32_t channels)
{
    for (int32_t c = 0; c < channels; ++c) {
        out[c] += in[c];
    }
}

static void fill(float *out, float value, int32_t channels)
{
    for (int32_t c = 0; c < channels; ++c) {
        out[c] = value;
    }
}

static void divide(float *out, float divisor, int32_t channels)
{
    for (int32_t c = 0; c < channels; ++c) {
        out[c] /= divisor;
    }
}

/* The largest of channels `c` to `c + 3` under the window at `column`. */
TINYSEG_INNER void four_largest(
    const tinyseg_pool2d_f32 *p, const float *const *lines, taps_inside taps, int32_t column, int32_t c, float *out)
{
    const int32_t channels = p->channels;
    const int32_t next_tap = p->dilation * channels;
    const int32_t begin = (column + taps.first * p->dilation) * channels + c;
    float a0 = -INFINITY, a1 = -INFINITY, a2 = -INFINITY, a3 = -INFINITY;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        int32_t at = begin;
        for (int32_t tap = taps.first; lines[row] != NULL && tap < taps.last; ++tap, at += next_tap) {
            const float *in = lines[row] + at;
            a0 = in[0] > a0 ? in[0] : a0;
            a1 = in[1] > a1 ? in[1] : a1;
            a2 = in[2] > a2 ? in[2] : a2;
            a3 = in[3] > a3 ? in[3] : a3;
        }
    }
    out[0] = a0;
    out[1] = a1;
    out[2] = a2;
    out[3] = a3;
}

void tinyseg_max_pool2d_f32_line(const tinyseg_pool2d_f32 *p, const float *const *lines, float *out)
{
    const int32_t channels = p->channels;
    const int32_t blocked = channels / 4 * 4;
    int32_t column = -(int32_t)p->pad_left;
    for (int32_t x = 0; x < p->output_width; ++x, column += p->stride, out += channels) {
        const taps_inside taps = clip_taps(p, column);
        for (int32_t c = 0; c < blocked; c += 4) {
            four_largest(p, lines, taps, column, c, out + c);
        }
        fill(out + blocked, -INFINITY, channels - blocked);
        for (int32_t row = 0; blocked < channels && row < p->kernel_height; ++row) {
            for (int32_t tap = taps.first; lines[row] != NULL && tap < taps.last; ++tap) {
                const float *in = lines[row] + (column + tap * p->dilation) * channels;
                largest(out + blocked, in + blocked, channels - blocked);
            }
        }
    }
}

void tinyseg_average_pool2d_f32_line(const tinyseg_pool2d_f32 *p, const float *const *lines, float *out)
{
    const int32_t channels = p->channels;
    int32_t column = -(int32_t)p->pad_left;
    int32_t rows = 0;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        rows += lines[row] != NULL ? 1 : 0;
    }
    for (int32_t x = 0; x < p->output_width; ++x, column += p->stride, out += channels) {
        const taps_inside taps = clip_taps(p, column);
        const int32_t inside = rows * (taps.last - taps.first);
        const int32_t count = p->fixed_count != 0u ? (int32_t)p->fixed_count : inside;
        fill(out, 0.0f, channels);
        for (int32_t row = 0; row < p->kernel_height; ++row) {
            for (int32_t tap = taps.first; lines[row] != NULL && tap < taps.last; ++tap) {
                sum(out, lines[row] + (column + tap * p->dilation) * channels, channels);
            }
        }
        divide(out, (float)count, channels);
    }
}

void tinyseg_global_max_f32_line(
    const tinyseg_global_pool_f32 *p, uint32_t index, const float *line, float *state, float *out)
{
    const int32_t channels = (int32_t)p->channels;
    float *const to = p->lines == 1u ? out : state;
    if (index == 0u) {
        fill(to, -INFINITY, channels);
    }
    for (uint32_t x = 0; x < p->width; ++x, line += channels) {
        largest(to, line, channels);
    }
    if (index + 1u == p->lines && to != out) {
        memcpy(out, to, p->channels * sizeof *out);
    }
}

void tinyseg_global_average_f32_line(
    const tinyseg_global_pool_f32 *p, uint32_t index, const float *line, float *state, float *out)
{
    const int32_t channels = (int32_t)p->channels;
    float *const to = p->lines == 1u ? out : state;
    if (index == 0u) {
        fill(to, 0.0f, channels);
    }
    for (uint32_t x = 0; x < p->width; ++x, line += channels) {
        sum(to, line, channels);
    }
    if (index + 1u == p->lines) {
        if (to != out) {
            memcpy(out, to, p->channels * sizeof *out);
        }
        divide(out, (float)(p->lines * p->width), channels);
    }
}
