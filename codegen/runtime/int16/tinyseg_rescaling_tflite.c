/* SPDX-License-Identifier: Apache-2.0 */
/* From one quantisation to another by the rule of TensorFlow Lite. */
#include "tinyseg_rescaling_tflite.h"

TINYSEG_INLINE int32_t load(const tinyseg_rescaling_tflite *p, const void *in, uint32_t i)
{
    return p->from == 'b' ? ((const int8_t *)in)[i] : p->from == 'h' ? ((const int16_t *)in)[i] : ((const int32_t *)in)[i];
}

TINYSEG_INLINE void store(const tinyseg_rescaling_tflite *p, void *out, uint32_t i, int32_t value)
{
    if (p->to == 'b') {
        ((int8_t *)out)[i] = (int8_t)value;
    } else if (p->to == 'h') {
        ((int16_t *)out)[i] = (int16_t)value;
    } else {
        ((int32_t *)out)[i] = value;
    }
}

void tinyseg_rescaling_tflite_line(const tinyseg_rescaling_tflite *p, const void *in, void *out, uint32_t elements)
{
    const tinyseg_scale above = tinyseg_scale_of(p->above);
    const tinyseg_scale below = tinyseg_scale_of(p->below);
    for (uint32_t i = 0; i < elements; ++i) {
        int32_t value = (int32_t)((uint32_t)load(p, in, i) - (uint32_t)p->input_zero_point);
        int64_t result;
        value = p->magnitude != 0u && value < 0 ? (int32_t)(0u - (uint32_t)value) : value;
        if (value >= 0) {
            result = tinyseg_multiplied_to(value, above, 0);
            result = p->negated != 0u ? -result : result;
        } else {
            result = tinyseg_multiplied_to(value, below, 0);
            result = p->below_negated != 0u ? -result : result;
        }
        result += p->output_zero_point;
        store(p, out, i, (int32_t)(result < p->minimum ? p->minimum : result > p->maximum ? p->maximum : result));
    }
}
