/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing of lines by weighted sums. */
#include "tinyseg_resample2d.h"

/* The columns' sum of one value of a line, free of the zero point. */
TINYSEG_INLINE int32_t sum_of_columns(
    const tinyseg_resample2d *p, const tinyseg_value *line, const uint16_t *columns, const int16_t *weights, int32_t c)
{
    const int32_t channels = p->channels;
    const int32_t zero_point = p->input_zero_point;
    int32_t sum = 0;
    for (int32_t tap = 0; tap < p->taps; ++tap) {
        sum += weights[tap] * (line[columns[tap] * channels + c] - zero_point);
    }
    return sum;
}

void tinyseg_resample2d_line(
    const tinyseg_resample2d *p, const tinyseg_value *const *lines, const int16_t *weights, tinyseg_value *out)
{
    const uint16_t *columns = p->columns;
    const int16_t *column_weights = p->column_weights;
    for (int32_t x = 0; x < p->width; ++x, columns += p->taps, column_weights += p->taps) {
        for (int32_t c = 0; c < p->channels; ++c) {
            int32_t sum = 0;
            for (int32_t row = 0; row < p->rows; ++row) {
                if (weights[row] != 0) {
                    sum += weights[row] * sum_of_columns(p, lines[row], columns, column_weights, c);
                }
            }
            *out++ = tinyseg_requantize(sum, p->multiplier, &p->output);
        }
    }
}
