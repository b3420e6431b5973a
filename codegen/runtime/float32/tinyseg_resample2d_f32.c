/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing of lines of float32 by weighted sums. */
#include "tinyseg_resample2d_f32.h"

void tinyseg_resample2d_f32_line(
    const tinyseg_resample2d_f32 *p, const float *const *lines, const float *weights, float *out)
{
    const int32_t channels = p->channels;
    const uint16_t *columns = p->columns;
    const float *column_weights = p->column_weights;
    for (int32_t x = 0; x < p->width; ++x, columns += p->taps, column_weights += p->taps) {
        for (int32_t c = 0; c < channels; ++c) {
            float sum = 0.0f;
            for (int32_t row = 0; row < p->rows; ++row) {
                if (lines[row] == NULL) {
                    continue;
                }
                for (int32_t tap = 0; tap < p->taps; ++tap) {
                    float weight = weights[row] * column_weights[tap];
                    TINYSEG_ROUNDED(weight);
                    sum = tinyseg_fma(lines[row][columns[tap] * channels + c], weight, sum);
                }
            }
            *out++ = sum;
        }
    }
}
