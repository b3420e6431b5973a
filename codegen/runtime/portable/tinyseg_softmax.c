/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax over groups of consecutive int8 values: float32, in the order of the elements. */
#include "tinyseg_softmax.h"

void tinyseg_softmax_line(const tinyseg_softmax *p, const int8_t *in, int8_t *out)
{
    const int32_t zero_point = p->output.zero_point;
    for (uint32_t group = 0; group < p->groups; ++group, in += p->elements, out += p->elements) {
        int32_t largest = -128;
        float sum = 0.0f;
        for (uint32_t i = 0; i < p->elements; ++i) {
            largest = in[i] > largest ? in[i] : largest;
        }
        for (uint32_t i = 0; i < p->elements; ++i) {
            sum += p->exponentials[largest - in[i]];
            TINYSEG_ROUNDED(sum);
        }
        for (uint32_t i = 0; i < p->elements; ++i) {
            float share = p->exponentials[largest - in[i]] / sum;
            TINYSEG_ROUNDED(share);
            share /= p->output_scale;
            TINYSEG_ROUNDED(share);
            out[i] = (int8_t)(tinyseg_clamp(
                                  tinyseg_round(share), p->output.minimum - zero_point, p->output.maximum - zero_point) +
                              zero_point);
        }
    }
}
