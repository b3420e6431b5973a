/* SPDX-License-Identifier: Apache-2.0 */
/* The transposed convolution, for one type of weights (TINYSEG_WEIGHT) under one name (TINYSEG_CONV2D_TRANSPOSE_LINE).
 *
 * Output columns of equal phase (remainder by the stride) take the same taps. How many taps reach a pixel varies,
 * so the zero point is subtracted from the input values and not folded into the bias. */
#include "tinyseg_accumulate.h"
#include "tinyseg_conv2d_transpose.h"

static void pixel(
    const tinyseg_conv2d_transpose *p,
    const tinyseg_value *const *lines,
    const tinyseg_transpose_tap *taps,
    int32_t tap_count,
    int32_t index,
    TINYSEG_RESULT *out)
{
    const int32_t zero_point = p->input_zero_point;
    const int32_t groups = p->groups;
    const int32_t group_outputs = p->output_channels / groups;
    const int32_t n = p->input_channels / groups;
    const int32_t rows = p->kernel_height;
    const int32_t channel_weights = rows * p->kernel_width * n;
    const TINYSEG_WEIGHT *w = p->weight;
    int32_t o = 0;
    for (int32_t group = 0; group < groups; ++group) {
        const int32_t end = o + group_outputs;
        while (o < end) {
            const int32_t width = end - o >= 4 ? 4 : 1;
            int32_t a[4] = {0, 0, 0, 0};
            for (int32_t row = 0; row < rows; ++row) {
                if (lines[row] == NULL) {
                    continue;
                }
                for (int32_t t = 0; t < tap_count; ++t) {
                    const int32_t column = index + taps[t].column;
                    if (column < 0 || column >= p->input_width) {
                        continue;
                    }
                    const tinyseg_value *x = lines[row] + column * p->input_channels + group * n;
                    const TINYSEG_WEIGHT *tap = w + (row * p->kernel_width + taps[t].tap) * n * width;
                    if (width == 4) {
                        (void)tinyseg_accumulate_4x1(a, x, zero_point, tap, n);
                    } else {
                        a[0] += tinyseg_dot(x, zero_point, tap, n);
                    }
                }
            }
            w += channel_weights * width;
            for (int32_t k = 0; k < width; ++k, ++o) {
                const int32_t sum = (int32_t)((uint32_t)a[k] + (uint32_t)p->bias[o]);
                out[o] = TINYSEG_RESULT_OF(sum, o);
            }
        }
    }
}

void TINYSEG_CONV2D_TRANSPOSE_LINE(
    const tinyseg_conv2d_transpose *p, const tinyseg_value *const *lines, TINYSEG_TARGET)
{
    const tinyseg_transpose_tap *taps = p->taps;
    for (int32_t phase = 0; phase < p->stride; ++phase) {
        const int32_t tap_count = p->phase_taps[phase];
        int32_t index = 0;
        for (int32_t x = phase; x < p->output_width; x += p->stride, ++index) {
            const int32_t first = x * p->output_channels;
#ifdef TINYSEG_SUMS
            TINYSEG_RESULT *const to = finish == NULL ? (float *)out + first : sums;
            pixel(p, lines, taps, tap_count, index, to);
            (void)tinyseg_finished(finish, to, first, p->output_channels, out);
#else
            pixel(p, lines, taps, tap_count, index, out + first);
#endif
        }
        taps += tap_count;
    }
}
