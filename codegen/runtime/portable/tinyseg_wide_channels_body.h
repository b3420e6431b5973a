/* SPDX-License-Identifier: Apache-2.0 */
/* The results of channels with weights beyond int8, under one name (TINYSEG_WIDE_CHANNELS_LINE), by one way to sum the
 * products of a run of values (dot) and its order of the weights (place).
 *
 * Products are of the stored values: the input zero point is in the bias, for which padding must read as the zero
 * point. */
#include "tinyseg_wide_channels.h"

/* Sum of the products of the window that begins at input column `column`, whose taps may lie beyond the sides. */
TINYSEG_INNER int32_t window_at_side(
    const tinyseg_wide_channels *p, const int8_t *const *line, int32_t column, int32_t first, const int16_t *w)
{
    const int32_t taps = p->kernel_width;
    int32_t sum = 0;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        const uint16_t *piece = p->pieces;
        for (int32_t left = p->piece_count; left > 0; --left, piece += 2, ++line) {
            const int32_t n = piece[1];
            const int32_t length = p->joined != 0u ? taps * n : n;
            int32_t at = 0; /* in the run */
            int32_t x = column;
            for (int32_t tap = 0; tap < taps; ++tap, x += p->dilation) {
                const int inside = *line != NULL && x >= 0 && x < p->input_width;
                for (int32_t i = 0; i < n; ++i, ++at) {
                    const int32_t value = inside ? (*line)[x * piece[0] + first + i] : p->input_zero_point;
                    sum += value * w[place(at, length)];
                }
                if (at == length) {
                    w += length;
                    at = 0;
                }
            }
        }
    }
    return sum;
}

/* The part of lines in the padding, of every window. */
static int32_t lines_of_padding(const tinyseg_wide_channels *p, const int8_t *const *line, const int16_t *w)
{
    int32_t sum = 0;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        const uint16_t *piece = p->pieces;
        for (int32_t left = p->piece_count; left > 0; --left, piece += 2, ++line) {
            const int16_t *const end = w + p->kernel_width * piece[1];
            if (*line != NULL) {
                w = end;
            }
            for (; w != end; ++w) {
                sum += *w;
            }
        }
    }
    return p->input_zero_point * sum;
}

/* Sum of the products of the window at input column `column`, all of whose taps lie inside, but for lines of padding. */
TINYSEG_INNER int32_t window_inside(
    const tinyseg_wide_channels *p, const int8_t *const *line, int32_t column, int32_t first, const int16_t *w)
{
    const int32_t taps = p->kernel_width;
    const int32_t runs = p->joined != 0u ? 1 : taps;
    int32_t sum = 0;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        const uint16_t *piece = p->pieces;
        for (int32_t left = p->piece_count; left > 0; --left, piece += 2, ++line) {
            const int32_t n = p->joined != 0u ? taps * piece[1] : piece[1];
            if (*line == NULL) {
                w += runs * n;
                continue;
            }
            const int8_t *x = *line + column * piece[0] + first;
            for (int32_t run = 0; run < runs; ++run, x += p->dilation * piece[0], w += n) {
                sum += dot(x, w, n);
            }
        }
    }
    return sum;
}

/* The same of a channel that reads one value of each tap, `step` values apart, `offset` values into the line. */
TINYSEG_INLINE int32_t column_inside(
    const tinyseg_wide_channels *p, const int8_t *const *lines, int32_t offset, int32_t step, const int16_t *w)
{
    const int8_t *const *const end = lines + p->kernel_height;
    const int32_t taps = p->kernel_width;
    int32_t sum = 0;
    for (; lines != end; ++lines, w += taps) {
        if (*lines == NULL) {
            continue;
        }
        const int8_t *const x = *lines + offset;
        if (taps == 3) {
            sum += x[0] * w[0] + x[step] * w[1] + x[2 * step] * w[2];
            continue;
        }
        for (int32_t tap = 0; tap < taps; ++tap) {
            sum += x[tap * step] * w[tap];
        }
    }
    return sum;
}

/* Output pixels from `begin` to before `end` of one channel, whose windows lie inside. */
static void pixels_inside(
    const tinyseg_wide_channels *p,
    const int8_t *const *lines,
    int32_t begin,
    int32_t end,
    int32_t first,
    const int16_t *w,
    int32_t channel,
    int8_t *out)
{
    const tinyseg_multiplier multiplier = p->multiplier[channel];
    const uint32_t bias = (uint32_t)p->bias[channel] + (uint32_t)lines_of_padding(p, lines, w);
    const int32_t one_piece = p->piece_count == 1u;
    const int32_t channels = p->pieces[0];
    const int32_t n = p->kernel_width * p->pieces[1];
    const int32_t one_run = one_piece && p->kernel_height == 1u && p->joined != 0u && lines[0] != NULL;
    const int32_t by_columns = one_piece && p->pieces[1] == 1u;
    int32_t column = begin * p->stride - p->pad_left;
    int8_t *to = out + begin * p->output_step;
    for (int32_t left = end - begin; left > 0; --left, column += p->stride, to += p->output_step) {
        const int32_t offset = column * channels + first;
        const int32_t sum = one_run ? dot(lines[0] + offset, w, n)
            : by_columns            ? column_inside(p, lines, offset, p->dilation * channels, w)
                                    : window_inside(p, lines, column, first, w);
        *to = (int8_t)tinyseg_requantize((int32_t)((uint32_t)sum + bias), multiplier, &p->output);
    }
}

static void pixels_at_side(
    const tinyseg_wide_channels *p,
    const int8_t *const *lines,
    int32_t begin,
    int32_t end,
    int32_t first,
    const int16_t *w,
    int32_t channel,
    int8_t *out)
{
    for (int32_t x = begin; x < end; ++x) {
        const int32_t sum = window_at_side(p, lines, x * p->stride - p->pad_left, first, w);
        const int32_t acc = (int32_t)((uint32_t)sum + (uint32_t)p->bias[channel]);
        out[x * p->output_step] = (int8_t)tinyseg_requantize(acc, p->multiplier[channel], &p->output);
    }
}

/* Output pixels from 0 on whose windows begin before input column `column`. */
static int32_t pixels_before(const tinyseg_wide_channels *p, int32_t column)
{
    const int32_t distance = column + p->pad_left;
    const int32_t pixels = distance <= 0 ? 0 : (distance + p->stride - 1) / p->stride;
    return pixels < p->output_width ? pixels : p->output_width;
}

void TINYSEG_WIDE_CHANNELS_LINE(const tinyseg_wide_channels *p, const int8_t *const *lines, int8_t *out)
{
    const int32_t begin = pixels_before(p, 0);
    const int32_t inside = pixels_before(p, p->input_width - (p->kernel_width - 1) * p->dilation);
    const int32_t end = inside > begin ? inside : begin;
    const int16_t *w = p->weight;
    int32_t values = 0;
    for (int32_t piece = 0; piece < p->piece_count; ++piece) {
        values += p->pieces[2 * piece + 1];
    }
    values *= p->kernel_height * p->kernel_width;
    for (int32_t channel = 0; channel < p->channel_count; ++channel, w += values) {
        const int32_t first = p->channels[2 * channel + 1];
        int8_t *const to = out + p->channels[2 * channel];
        pixels_at_side(p, lines, 0, begin, first, w, channel, to);
        pixels_inside(p, lines, begin, end, first, w, channel, to);
        pixels_at_side(p, lines, end, p->output_width, first, w, channel, to);
    }
}
