/* SPDX-License-Identifier: Apache-2.0 */
/* The convolution kernel, for one type of weights (TINYSEG_WEIGHT) under one name (TINYSEG_CONV2D_LINE).
 *
 * Products are of the stored values: the input zero point is in the bias, for which padding must read as the zero
 * point. Two pixels that touch no padding at the sides are computed at a time, for four output channels; pixels at the sides one at a
 * time. A row of taps is one segment of the line where nothing lies between the taps. */
#include "tinyseg_accumulate.h"
#include "tinyseg_conv2d.h"

static int32_t with_bias(int32_t sum, int32_t bias)
{
    return (int32_t)((uint32_t)sum + (uint32_t)bias);
}

/* Pixels at input columns `column` and `column + stride`, all of whose taps lie inside the line. */
static void two_pixels(const tinyseg_conv2d *p, const tinyseg_value *const *lines, int32_t column, TINYSEG_RESULT *out)
{
    const int32_t zero_point = p->input_zero_point;
    const int32_t groups = p->groups;
    const int32_t group_outputs = p->output_channels / groups;
    const int32_t taps = p->kernel_width;
    const int32_t rows = p->kernel_height;
    const int32_t pieces = p->pieces;
    const int joined = p->dilation == 1u && groups == 1;
    const int32_t segments = joined ? 1 : taps;
    const TINYSEG_WEIGHT *w = p->weight;
    TINYSEG_RESULT *const out2 = out + p->output_channels;
    int32_t o = 0;
    for (int32_t group = 0; group < groups; ++group) {
        const int32_t end = o + group_outputs;
        for (; o < end;) {
            const int32_t width = end - o >= 4 ? 4 : 1;
            int32_t a[4] = {0, 0, 0, 0};
            int32_t b[4] = {0, 0, 0, 0};
            const tinyseg_value *const *line = lines;
            for (int32_t row = 0; row < rows; ++row) {
                for (int32_t piece = 0; piece < pieces; ++piece, ++line) {
                    const int32_t channels = p->piece_channels[piece];
                    const int32_t used = channels / groups;
                    const int32_t n = joined ? taps * channels : used;
                    if (*line == NULL) {
                        if (width == 4) {
                            int32_t padding[4] = {0, 0, 0, 0};
                            w = tinyseg_accumulate_4_constant(padding, zero_point, w, segments * n);
                            for (int32_t k = 0; k < 4; ++k) {
                                a[k] += padding[k];
                                b[k] += padding[k];
                            }
                        } else {
                            const int32_t padding = zero_point * tinyseg_sum(w, segments * n);
                            a[0] += padding;
                            b[0] += padding;
                            w += segments * n;
                        }
                        continue;
                    }
                    const tinyseg_value *x = *line + column * channels + group * used;
                    const int32_t next_pixel = p->stride * channels;
                    for (int32_t segment = 0; segment < segments; ++segment) {
                        if (width == 4) {
                            w = tinyseg_accumulate_4x2(a, b, x, x + next_pixel, w, n);
                        } else {
                            a[0] += tinyseg_dot(x, 0, w, n);
                            b[0] += tinyseg_dot(x + next_pixel, 0, w, n);
                            w += n;
                        }
                        x += p->dilation * channels;
                    }
                }
            }
            for (int32_t k = 0; k < width; ++k, ++o) {
                const int32_t bias = p->bias[o];
                out[o] = TINYSEG_RESULT_OF(with_bias(a[k], bias), o);
                out2[o] = TINYSEG_RESULT_OF(with_bias(b[k], bias), o);
            }
        }
    }
}

/* A pixel at input column `column` (negative in the left padding); taps outside the line read the zero point. */
static void one_pixel(const tinyseg_conv2d *p, const tinyseg_value *const *lines, int32_t column, TINYSEG_RESULT *out)
{
    const int32_t zero_point = p->input_zero_point;
    const int32_t groups = p->groups;
    const int32_t group_outputs = p->output_channels / groups;
    const TINYSEG_WEIGHT *w = p->weight;
    int32_t o = 0;
    for (int32_t group = 0; group < groups; ++group) {
        const int32_t end = o + group_outputs;
        for (; o < end;) {
            const int32_t width = end - o >= 4 ? 4 : 1;
            int32_t a[4] = {0, 0, 0, 0};
            const tinyseg_value *const *line = lines;
            for (int32_t row = 0; row < p->kernel_height; ++row) {
                for (int32_t piece = 0; piece < p->pieces; ++piece, ++line) {
                    const int32_t channels = p->piece_channels[piece];
                    const int32_t n = channels / groups;
                    int32_t x = column;
                    for (int32_t tap = 0; tap < p->kernel_width; ++tap, x += p->dilation) {
                        const int inside = *line != NULL && x >= 0 && x < p->input_width;
                        if (width == 4) {
                            w = inside ? tinyseg_accumulate_4x1(a, *line + x * channels + group * n, 0, w, n)
                                       : tinyseg_accumulate_4_constant(a, zero_point, w, n);
                        } else {
                            a[0] += inside ? tinyseg_dot(*line + x * channels + group * n, 0, w, n)
                                           : zero_point * tinyseg_sum(w, n);
                            w += n;
                        }
                    }
                }
            }
            for (int32_t k = 0; k < width; ++k, ++o) {
                out[o] = TINYSEG_RESULT_OF(with_bias(a[k], p->bias[o]), o);
            }
        }
    }
}

void TINYSEG_CONV2D_LINE(const tinyseg_conv2d *p, const tinyseg_value *const *lines, TINYSEG_TARGET)
{
    const int32_t stride = p->stride;
    const int32_t extent = (p->kernel_width - 1) * p->dilation;
    const int32_t outputs = p->output_width;
    int32_t column = -(int32_t)p->pad_left;
    int32_t pixels;
#ifdef TINYSEG_SUMS
    TINYSEG_RESULT *to = finish == NULL ? (float *)out : sums;
#else
    TINYSEG_RESULT *to = out;
#endif
    for (int32_t x = 0; x < outputs; x += pixels, column += pixels * stride) {
        pixels = column >= 0 && x + 1 < outputs && column + stride + extent < p->input_width ? 2 : 1;
        if (pixels == 2) {
            two_pixels(p, lines, column, to);
        } else {
            one_pixel(p, lines, column, to);
        }
#ifdef TINYSEG_SUMS
        to = tinyseg_finished(finish, to, x * p->output_channels, pixels * p->output_channels, out);
#else
        to += pixels * p->output_channels;
#endif
    }
}
