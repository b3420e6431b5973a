/* SPDX-License-Identifier: Apache-2.0 */
/* The fully connected kernel of int16, for one type of weights (TINYSEG_WEIGHT) and sums (TINYSEG_SUM) under one name
 * (TINYSEG_DENSE_I16_LINE). */
#include "tinyseg_dense_i16.h"
#include "tinyseg_sums_i16.h"

void TINYSEG_DENSE_I16_LINE(
    const tinyseg_dense_i16 *p, uint32_t index, const int16_t *line, void *sums, int16_t *out)
{
    const int32_t outputs = p->output_channels;
    const int32_t n = (int32_t)p->line_elements;
    const int last = index + 1u == p->lines;
    const uint8_t *const before = index == 0u ? (const uint8_t *)p->bias : (const uint8_t *)sums;
    const TINYSEG_WEIGHT *w = (const TINYSEG_WEIGHT *)p->weight + (size_t)index * p->line_elements * p->output_channels;
    for (int32_t o = 0; o < outputs;) {
        const int32_t width = outputs - o >= 4 ? 4 : 1;
        TINYSEG_SUM a[4] = {0, 0, 0, 0};
        memcpy(a, before + (size_t)o * sizeof a[0], (size_t)width * sizeof a[0]);
        w = tinyseg_sum_i16(a, width, line, 0, w, n);
        if (!last) {
            memcpy((uint8_t *)sums + (size_t)o * sizeof a[0], a, (size_t)width * sizeof a[0]);
        }
        for (int32_t k = 0; k < width; ++k, ++o) {
            if (last) {
                out[o] = tinyseg_requantize_i16(a[k], p->multiplier[o], &p->output);
            }
        }
    }
}
