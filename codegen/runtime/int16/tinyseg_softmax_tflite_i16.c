/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax of int16 by the rule of TensorFlow Lite. Exponentials are kept where the results will be. */
#include "tinyseg_softmax_tflite_i16.h"

/* A function at `value`, saturated to int16, whose ends are those of the table. */
TINYSEG_INLINE int32_t interpolated(const int16_t *table, int32_t value)
{
    const int32_t place = tinyseg_clamp(value, INT16_MIN, INT16_MAX) + 32768;
    const int16_t *const entry = table + (place >> 7);
    return entry[0] + (((entry[1] - entry[0]) * (place & 0x7F) + 64) >> 7);
}

void tinyseg_softmax_tflite_i16_line(const tinyseg_softmax_tflite_i16 *p, const int16_t *in, int16_t *out)
{
    const tinyseg_scale scale = tinyseg_scale_of(p->multiplier);
    for (uint32_t group = 0; group < p->groups; ++group, in += p->elements, out += p->elements) {
        int32_t largest = INT16_MIN;
        int32_t sum = 0; /* of at most 65,535 exponentials */
        uint32_t right = 30;
        int32_t inverse;
        for (uint32_t i = 0; i < p->elements; ++i) {
            largest = in[i] > largest ? in[i] : largest;
        }
        for (uint32_t i = 0; i < p->elements; ++i) {
            const int32_t place = tinyseg_multiplied_to(in[i] - largest, scale, 0) + INT16_MAX;
            out[i] = (int16_t)interpolated(p->exponentials, place);
            sum += out[i];
        }
        for (; sum < 1 << 30; sum *= 2) { /* of the largest value alone it is 2^14 at least */
            --right;
        }
        inverse = interpolated(p->reciprocals, (int32_t)(((uint32_t)sum + (1u << 13)) >> 14) - (1 << 15) - (1 << 16));
        for (uint32_t i = 0; i < p->elements; ++i) {
            const int32_t share = (out[i] * inverse + (int32_t)(1u << (right - 1u))) >> right;
            out[i] = (int16_t)tinyseg_clamp(share, 0, INT16_MAX);
        }
    }
}
