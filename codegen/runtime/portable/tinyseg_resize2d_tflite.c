/* SPDX-License-Identifier: Apache-2.0 */
/* Bilinear resizing of lines of uint8 by the rule of TensorFlow Lite. */
#include "tinyseg_resize2d_tflite.h"

#define SHIFT 128

TINYSEG_INLINE float product(tinyseg_value value, float first, float second)
{
    float scaled = (float)(value + SHIFT) * first;
    TINYSEG_ROUNDED(scaled);
    scaled *= second;
    TINYSEG_ROUNDED(scaled);
    return scaled;
}

void tinyseg_resize2d_tflite_line(
    const tinyseg_resize2d_tflite *p,
    const tinyseg_value *first,
    const tinyseg_value *second,
    const float *weights,
    tinyseg_value *out)
{
    for (uint32_t x = 0; x < p->width; ++x) {
        const uint32_t left = (uint32_t)p->columns[2u * x] * p->channels;
        const uint32_t right = (uint32_t)p->columns[2u * x + 1u] * p->channels;
        const float *const columns = p->column_weights + 2u * x;
        for (uint32_t c = 0; c < p->channels; ++c) {
            float sum;
            int32_t code;
            if (p->lines_are_columns != 0u) {
                sum = product(first[left + c], columns[0], weights[0]);
                sum += product(first[right + c], columns[1], weights[0]);
                sum += product(second[left + c], columns[0], weights[1]);
                sum += product(second[right + c], columns[1], weights[1]);
            } else {
                sum = product(first[left + c], weights[0], columns[0]);
                sum += product(second[left + c], weights[1], columns[0]);
                sum += product(first[right + c], weights[0], columns[1]);
                sum += product(second[right + c], weights[1], columns[1]);
            }
            sum += 0.5f;
            code = (int32_t)sum - SHIFT;
            *out++ = (tinyseg_value)tinyseg_clamp(code, -128, 127);
        }
    }
}
