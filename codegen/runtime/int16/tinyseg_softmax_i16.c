/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax over groups of consecutive int16 values: float32, in the order of the elements. There are too many
 * differences for a table of exponentials: they are computed twice, for the sum and for the share. */
#include "tinyseg_softmax_i16.h"
#include "tinyseg_functions_f32.h"

static float exponential(const tinyseg_softmax_i16 *p, int32_t difference)
{
    float real = (float)difference * p->input_scale;
    TINYSEG_ROUNDED(real);
    return tinyseg_exponential_f32(real);
}

void tinyseg_softmax_i16_line(const tinyseg_softmax_i16 *p, const int16_t *in, int16_t *out)
{
    const int32_t zero_point = p->output.zero_point;
    const int32_t low = p->output.minimum - zero_point;
    const int32_t high = p->output.maximum - zero_point;
    for (uint32_t group = 0; group < p->groups; ++group, in += p->elements, out += p->elements) {
        int32_t largest = in[0];
        float sum = 0.0f;
        for (uint32_t i = 1; i < p->elements; ++i) {
            largest = in[i] > largest ? in[i] : largest;
        }
        for (uint32_t i = 0; i < p->elements; ++i) {
            sum += exponential(p, in[i] - largest);
            TINYSEG_ROUNDED(sum);
        }
        for (uint32_t i = 0; i < p->elements; ++i) {
            float share = exponential(p, in[i] - largest) / sum;
            TINYSEG_ROUNDED(share);
            share /= p->output_scale;
            TINYSEG_ROUNDED(share);
            out[i] = (int16_t)(tinyseg_clamp(tinyseg_round(share), low, high) + zero_point);
        }
    }
}
