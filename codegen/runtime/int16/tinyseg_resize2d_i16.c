/* SPDX-License-Identifier: Apache-2.0 */
/* Bilinear resizing of int16 lines. */
#include "tinyseg_resize2d_i16.h"

void tinyseg_resize2d_linear_i16_line(
    const tinyseg_resize2d_i16 *p,
    const int16_t *first,
    const int16_t *second,
    int32_t first_weight,
    int32_t second_weight,
    int16_t *out)
{
    const int32_t channels = p->channels;
    const int32_t zero = 2048 * p->input_zero_point; /* of the weights of a pair of columns */
    for (int32_t x = 0; x < p->width; ++x) {
        const int32_t left = p->columns[2 * x] * channels;
        const int32_t right = p->columns[2 * x + 1] * channels;
        const int32_t left_weight = p->column_weights[2 * x];
        const int32_t right_weight = p->column_weights[2 * x + 1];
        for (int32_t c = 0; c < channels; ++c) {
            const int32_t upper = left_weight * first[left + c] + right_weight * first[right + c] - zero;
            const int32_t lower = left_weight * second[left + c] + right_weight * second[right + c] - zero;
            const int64_t sum = (int64_t)first_weight * upper + (int64_t)second_weight * lower;
            *out++ = tinyseg_requantize_i16(sum, p->multiplier, &p->output);
        }
    }
}
