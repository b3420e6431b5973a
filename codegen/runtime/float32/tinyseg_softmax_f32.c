/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax of float32 lines. */
#include "tinyseg_softmax_f32.h"

#include "tinyseg_functions_f32.h"

void tinyseg_softmax_f32_line(uint32_t groups, uint32_t elements, const float *in, float *out)
{
    for (uint32_t group = 0; group < groups; ++group, in += elements, out += elements) {
        float maximum = in[0];
        float sum = 0.0f;
        for (uint32_t i = 1; i < elements; ++i) {
            maximum = in[i] > maximum ? in[i] : maximum;
        }
        for (uint32_t i = 0; i < elements; ++i) {
            out[i] = tinyseg_exponential_f32(in[i] - maximum);
            sum += out[i];
        }
        for (uint32_t i = 0; i < elements; ++i) {
            out[i] /= sum;
        }
    }
}
