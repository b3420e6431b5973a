/* SPDX-License-Identifier: Apache-2.0 */
/* The transposed convolution of int16, for one type of weights (TINYSEG_WEIGHT) and sums (TINYSEG_SUM) under one name
 * (TINYSEG_CONV2D_TRANSPOSE_I16_LINE).
 *
 * Output columns of equal phase (remainder by the stride) take the same taps. How many taps reach a pixel varies,
 * so the zero point is subtracted from the input values and not folded into the bias. */
#include "tinyseg_conv2d_transpose_i16.h"
#include "tinyseg_sums_i16.h"

/* The pixel `index` of a phase, which takes `tap_count` taps of a row. */
static void pixel(
    const tinyseg_conv2d_transpose_i16 *p,
    const int16_t *const *lines,
    const tinyseg_transpose_i16_tap *taps,
    int32_t tap_count,
    int32_t index,
    int16_t *out)
{
    const int32_t group_outputs = p->output_channels / p->groups;
    const int32_t n = p->input_channels / p->groups;
    const TINYSEG_SUM *const bias = (const TINYSEG_SUM *)p->bias;
    const TINYSEG_WEIGHT *w = (const TINYSEG_WEIGHT *)p->weight;
    int32_t o = 0;
    for (int32_t group = 0; group < p->groups; ++group) {
        for (const int32_t end = o + group_outputs; o < end;) {
            const int32_t width = end - o >= 4 ? 4 : 1;
            TINYSEG_SUM sums[4] = {0, 0, 0, 0};
            for (int32_t row = 0; row < p->kernel_height; ++row) {
                for (int32_t t = 0; t < tap_count && lines[row] != NULL; ++t) {
                    const int32_t column = index + taps[t].column;
                    if (column >= 0 && column < p->input_width) {
                        const int16_t *const x = lines[row] + column * p->input_channels + group * n;
                        const TINYSEG_WEIGHT *const tap = w + (row * p->kernel_width + taps[t].tap) * n * width;
                        (void)tinyseg_sum_i16(sums, width, x, p->input_zero_point, tap, n);
                    }
                }
            }
            w += p->kernel_height * p->kernel_width * n * width;
            for (int32_t k = 0; k < width; ++k, ++o) {
                out[o] = tinyseg_requantize_i16(sums[k] + bias[o], p->multiplier[o], &p->output);
            }
        }
    }
}

void TINYSEG_CONV2D_TRANSPOSE_I16_LINE(
    const tinyseg_conv2d_transpose_i16 *p, const int16_t *const *lines, int16_t *out)
{
    const tinyseg_transpose_i16_tap *taps = p->taps;
    for (int32_t phase = 0; phase < p->stride; ++phase) {
        int32_t index = 0;
        for (int32_t x = phase; x < p->output_width; x += p->stride, ++index) {
            pixel(p, lines, taps, p->phase_taps[phase], index, out + x * p->output_channels);
        }
        taps += p->phase_taps[phase];
    }
}
