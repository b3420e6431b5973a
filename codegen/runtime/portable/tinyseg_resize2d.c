/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing of lines. */
#include "tinyseg_resize2d.h"

void tinyseg_resize2d_nearest_line(
    const uint16_t *columns, const uint8_t *line, uint8_t *out, uint32_t width, uint32_t pixel_bytes)
{
    for (uint32_t x = 0; x < width; ++x, out += pixel_bytes) {
        memcpy(out, line + (size_t)columns[x] * pixel_bytes, pixel_bytes);
    }
}

void tinyseg_resize2d_linear_line(
    const tinyseg_resize2d *p,
    const tinyseg_value *first,
    const tinyseg_value *second,
    int32_t first_weight,
    int32_t second_weight,
    tinyseg_value *out)
{
    const int32_t channels = p->channels;
    const int32_t zero_point = p->input_zero_point;
    for (int32_t x = 0; x < p->width; ++x) {
        const int32_t left = p->columns[2 * x] * channels;
        const int32_t right = p->columns[2 * x + 1] * channels;
        const int32_t left_weight = p->column_weights[2 * x];
        const int32_t right_weight = p->column_weights[2 * x + 1];
        for (int32_t c = 0; c < channels; ++c) {
            const int32_t upper = left_weight * (first[left + c] - zero_point) + right_weight * (first[right + c] - zero_point);
            const int32_t lower = left_weight * (second[left + c] - zero_point) + right_weight * (second[right + c] - zero_point);
            const int32_t sum = first_weight * upper + second_weight * lower;
            const int32_t result = tinyseg_averaged_to(sum, tinyseg_scale_of(p->multiplier), p->output.zero_point);
            *out++ = (tinyseg_value)tinyseg_clamp(result, p->output.minimum, p->output.maximum);
        }
    }
}
