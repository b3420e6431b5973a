/* SPDX-License-Identifier: Apache-2.0 */
/* The rule of TensorFlow Lite for results of int16, in place of ONNX's: tinyseg_requantize_i16.h includes this where
 * TINYSEG_RULE_TFLITE is defined.
 *
 * A tinyseg_multiplier says by its upper word how a sum becomes a result:
 *   above 2^15: as int8 results are made, of the sum's lower 32 bits, with two roundings;
 *   from 1 to 2^15 - 1: a factor, by which the sum is multiplied, and shifted right by the lower word; ties go up;
 *   0: an average. The sum is divided by the lower word; where that is negative, by as many powers of two. Ties go away
 *   from zero. */
#ifndef TINYSEG_TFLITE_I16_H
#define TINYSEG_TFLITE_I16_H

#include "tinyseg_requantize.h"

/* sum / 2^right, ties away from zero; right is at least 1. */
TINYSEG_INLINE int32_t tinyseg_divided_by_power_i16(int64_t sum, int32_t right)
{
    const int64_t half = (int64_t)1 << (right - 1);
    return (int32_t)((sum + half - (sum < 0 ? 1 : 0)) >> right);
}

/* sum / count, ties away from zero; the sum has 32 bits. */
TINYSEG_INLINE int32_t tinyseg_divided_i16(int32_t sum, int32_t count)
{
    const int32_t quotient = sum / count;
    const int32_t rest = sum % count;
    const int32_t magnitude = rest < 0 ? -rest : rest;
    const int32_t away = magnitude >= count - magnitude ? 1 : 0;
    return sum < 0 ? quotient - away : quotient + away;
}

/* (acc * factor + 2^(right - 1)) >> right, its lower 32 bits; the factor has 15 bits. */
TINYSEG_INLINE int32_t tinyseg_multiplied_once(int64_t acc, int32_t factor, int32_t right)
{
    const int32_t low = (int32_t)(uint32_t)(uint64_t)acc;
    int64_t product;
    if (low == acc && right >= 17) { /* the product less its last 16 bits is enough */
        const int32_t high = (int32_t)(((int64_t)low * (int16_t)factor) >> 16);
        return ((high >> (right - 17)) + 1) >> 1;
    }
    product = acc * factor + ((int64_t)1 << (right - 1));
    return (int32_t)(uint32_t)(uint64_t)(product >> right);
}

TINYSEG_INLINE int16_t tinyseg_requantize_i16(
    int64_t acc, tinyseg_multiplier multiplier, const tinyseg_output *output)
{
    const uint32_t factor = (uint32_t)((uint64_t)multiplier >> 32);
    const int32_t right = (int32_t)(uint32_t)((uint64_t)multiplier & 0xFFFFFFFFu);
    int32_t result;
    if (factor > 0x7FFFu) {
        result = tinyseg_averaged_to((int32_t)(uint32_t)(uint64_t)acc, tinyseg_scale_of(multiplier), 0);
    } else if (factor != 0u) {
        result = tinyseg_multiplied_once(acc, (int32_t)factor, right);
    } else if (right < 0) {
        result = tinyseg_divided_by_power_i16(acc, -right);
    } else {
        result = right == 0 ? 0 : tinyseg_divided_i16((int32_t)acc, right);
    }
    return (int16_t)tinyseg_clamp(result + output->zero_point, output->minimum, output->maximum);
}

#endif
