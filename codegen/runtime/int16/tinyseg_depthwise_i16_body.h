/* SPDX-License-Identifier: Apache-2.0 */
/* The depthwise kernel of int16, for one type of weights (TINYSEG_WEIGHT) and sums (TINYSEG_SUM) under one name
 * (TINYSEG_DEPTHWISE_I16_LINE). Taps in the padding read the zero point, because the bias contains that of all taps. */
#include "tinyseg_depthwise_i16.h"
#include "tinyseg_taps_i16.h"

/* All channels of a pixel whose window begins at `column`, wherever that lies. */
TINYSEG_INNER void pixel(const tinyseg_depthwise_i16 *p, const int16_t *const *lines, int32_t column, int16_t *out)
{
    const int32_t channels = p->channels;
    const int32_t step = p->dilation * channels;
    const int32_t zero_point = p->input_zero_point;
    const tinyseg_taps taps = tinyseg_taps_at(column, p->kernel_width, p->dilation, p->input_width);
    const int32_t first = (column + taps.before * p->dilation) * channels;
    const TINYSEG_SUM *const bias = (const TINYSEG_SUM *)p->bias;
    const int16_t *const *const end = lines + p->kernel_height;
    for (int32_t c = 0; c < channels; ++c) {
        const TINYSEG_WEIGHT *w = (const TINYSEG_WEIGHT *)p->weight + c;
        TINYSEG_SUM sum = bias[c];
        for (const int16_t *const *line = lines; line != end; ++line) {
            int32_t padding = p->kernel_width;
            if (*line != NULL) {
                const int16_t *x = *line + first + c;
                for (int32_t tap = taps.before; tap > 0; --tap, w += channels) {
                    sum += TINYSEG_PRODUCT_I16(zero_point, *w);
                }
                for (int32_t tap = taps.inside; tap > 0; --tap, w += channels, x += step) {
                    sum += TINYSEG_PRODUCT_I16(*x, *w);
                }
                padding = taps.behind;
            }
            for (; padding > 0; --padding, w += channels) {
                sum += TINYSEG_PRODUCT_I16(zero_point, *w);
            }
        }
        out[c] = tinyseg_requantize_i16(sum, p->multiplier[c], &p->output);
    }
}

void TINYSEG_DEPTHWISE_I16_LINE(const tinyseg_depthwise_i16 *p, const int16_t *const *lines, int16_t *out)
{
    int32_t column = -(int32_t)p->pad_left;
    for (int32_t x = 0; x < p->output_width; ++x, column += p->stride, out += p->channels) {
        pixel(p, lines, column, out);
    }
}
