/* SPDX-License-Identifier: Apache-2.0 */
/* The convolution kernel of int16, for one type of weights (TINYSEG_WEIGHT) and sums (TINYSEG_SUM) under one name
 * (TINYSEG_CONV2D_I16_LINE).
 *
 * Products are of the stored values: the input zero point is in the bias, for which padding must read as the zero
 * point. A row of taps is one run of the line where nothing lies between the taps. */
#include "tinyseg_conv2d_i16.h"
#include "tinyseg_sums_i16.h"
#include "tinyseg_taps_i16.h"

/* Adds a line's taps, for `width` output channels whose operands begin at channel `first`. Returns the weights that
 * follow. */
static const TINYSEG_WEIGHT *add_taps(
    const tinyseg_conv2d_i16 *p,
    TINYSEG_SUM *sums,
    int32_t width,
    const int16_t *x,
    int32_t channels,
    tinyseg_taps taps,
    const TINYSEG_WEIGHT *w)
{
    const int32_t n = channels / p->groups;
    const int joined = p->dilation == 1u && p->groups == 1u;
    const int32_t runs = joined ? taps.inside != 0 : taps.inside;
    const int32_t length = joined ? taps.inside * n : n;
    w = tinyseg_sum_alike_i16(sums, width, p->input_zero_point, w, taps.before * n);
    for (int32_t run = 0; run < runs; ++run, x += p->dilation * channels) {
        w = tinyseg_sum_i16(sums, width, x, 0, w, length);
    }
    return tinyseg_sum_alike_i16(sums, width, p->input_zero_point, w, taps.behind * n);
}

/* A pixel whose window begins at `column`, wherever that lies. */
static void pixel(const tinyseg_conv2d_i16 *p, const int16_t *const *lines, int32_t column, int16_t *out)
{
    const tinyseg_taps taps = tinyseg_taps_at(column, p->kernel_width, p->dilation, p->input_width);
    const int32_t first = column + taps.before * p->dilation;
    const int32_t group_outputs = p->output_channels / p->groups;
    const TINYSEG_SUM *const bias = (const TINYSEG_SUM *)p->bias;
    const TINYSEG_WEIGHT *w = (const TINYSEG_WEIGHT *)p->weight;
    int32_t o = 0;
    for (int32_t group = 0; group < p->groups; ++group) {
        for (const int32_t end = o + group_outputs; o < end;) {
            const int32_t width = end - o >= 4 ? 4 : 1;
            const int16_t *const *line = lines;
            TINYSEG_SUM sums[4] = {0, 0, 0, 0};
            for (int32_t k = 0; k < width; ++k) {
                sums[k] = bias[o + k];
            }
            for (int32_t row = 0; row < p->kernel_height; ++row) {
                for (int32_t piece = 0; piece < p->pieces; ++piece, ++line) {
                    const int32_t channels = p->piece_channels[piece];
                    const int32_t n = channels / p->groups;
                    if (*line == NULL) {
                        w = tinyseg_sum_alike_i16(sums, width, p->input_zero_point, w, p->kernel_width * n);
                    } else {
                        w = add_taps(p, sums, width, *line + first * channels + group * n, channels, taps, w);
                    }
                }
            }
            for (int32_t k = 0; k < width; ++k, ++o) {
                out[o] = tinyseg_requantize_i16(sums[k], p->multiplier[o], &p->output);
            }
        }
    }
}

void TINYSEG_CONV2D_I16_LINE(const tinyseg_conv2d_i16 *p, const int16_t *const *lines, int16_t *out)
{
    int32_t column = -(int32_t)p->pad_left;
    for (int32_t x = 0; x < p->output_width; ++x, column += p->stride, out += p->output_channels) {
        pixel(p, lines, column, out);
    }
}
