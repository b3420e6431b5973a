/* SPDX-License-Identifier: Apache-2.0 */
/* The fully connected kernel, for one type of weights (TINYSEG_WEIGHT) under one name (TINYSEG_DENSE_LINE). */
#include "tinyseg_accumulate.h"
#include "tinyseg_dense.h"

void TINYSEG_DENSE_LINE(
    const tinyseg_dense *p, uint32_t index, const tinyseg_value *line, int32_t *state, TINYSEG_TARGET)
{
    const int32_t outputs = p->output_channels;
    const int32_t n = (int32_t)p->line_elements;
    const TINYSEG_WEIGHT *w = (const TINYSEG_WEIGHT *)p->weight + (size_t)index * p->line_elements * p->output_channels;
    const int last = index + 1u == p->lines;
#ifdef TINYSEG_SUMS
    TINYSEG_RESULT *to = finish == NULL ? (float *)out : sums;
#else
    TINYSEG_RESULT *to = out;
#endif
    for (int32_t o = 0; o < outputs;) {
        const int32_t width = outputs - o >= 4 ? 4 : 1;
        int32_t a[4] = {0, 0, 0, 0};
        if (index != 0u) {
            for (int32_t k = 0; k < width; ++k) {
                a[k] = state[o + k];
            }
        }
        if (width == 4) {
            w = tinyseg_accumulate_4x1(a, line, 0, w, n);
        } else {
            a[0] += tinyseg_dot(line, 0, w, n);
            w += n;
        }
        for (int32_t k = 0; k < width; ++k, ++o) {
            if (last) {
                const int32_t sum = (int32_t)((uint32_t)a[k] + (uint32_t)p->bias[o]);
                to[o] = TINYSEG_RESULT_OF(sum, o);
            } else {
                state[o] = a[k];
            }
        }
    }
#ifdef TINYSEG_SUMS
    if (last) {
        (void)tinyseg_finished(finish, to, 0, outputs, out);
    }
#endif
}
