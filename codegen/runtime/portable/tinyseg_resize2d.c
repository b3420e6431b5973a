/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing of lines. */
#include "tinyseg_resize2d.h"

TINYSEG_INLINE void copy_pixels(
    const uint16_t *columns, const uint8_t *line, uint8_t *out, uint32_t width, uint32_t pixel_bytes)
{
    for (const uint16_t *const end = columns + width; columns != end; ++columns, out += pixel_bytes) {
        memcpy(out, line + *columns * pixel_bytes, pixel_bytes);
    }
}

void tinyseg_resize2d_nearest_line(
    const uint16_t *columns, const uint8_t *line, uint8_t *out, uint32_t width, uint32_t pixel_bytes)
{
    if (pixel_bytes == 4u) { /* a few loads and stores in place of a call */
        copy_pixels(columns, line, out, width, 4u);
    } else if (pixel_bytes == 8u) {
        copy_pixels(columns, line, out, width, 8u);
    } else if (pixel_bytes == 16u) {
        copy_pixels(columns, line, out, width, 16u);
    } else {
        copy_pixels(columns, line, out, width, pixel_bytes);
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
