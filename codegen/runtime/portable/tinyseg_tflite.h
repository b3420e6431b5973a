/* SPDX-License-Identifier: Apache-2.0 */
/* The rule of TensorFlow Lite in place of ONNX's: accumulators are multiplied in fixed point, with two roundings.
 *
 *   high   = ((acc << left) * multiplier + 2^30) >> 31       SaturatingRoundingDoublingHighMul: ties up
 *   result = high / 2^right, ties away from zero             RoundingDivideByPOT
 *
 * tinyseg_requantize.h includes this where TINYSEG_RULE_TFLITE is defined. */
#ifndef TINYSEG_TFLITE_H
#define TINYSEG_TFLITE_H

#include "tinyseg_platform.h"

#define TINYSEG_REQUANTIZE_INTEGER 0 /* it is of integers anyway */

/* 2 * multiplier * 2^32 + right: the product is acc * multiplier * 2^(-right - 31); right may be negative. Averages are
 * divided where the multiplier is 0: `right` is their number of values, negative where ties go up and not away from 0. */
typedef int64_t tinyseg_multiplier;

typedef struct {
    int32_t factor; /* as tinyseg_high_product takes it */
    int32_t right; /* or the divisor of an average, without a factor */
} tinyseg_scale;

#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && !defined(TINYSEG_NO_ASSEMBLER)
#define TINYSEG_TFLITE_SMMLAR 1
#else
#define TINYSEG_TFLITE_SMMLAR 0
#endif

/* Without long multiplication (Armv6-M), products are put together of four. */
#ifndef TINYSEG_TFLITE_NARROW
#if defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1
#define TINYSEG_TFLITE_NARROW 1
#else
#define TINYSEG_TFLITE_NARROW 0
#endif
#endif

TINYSEG_INLINE tinyseg_scale tinyseg_scale_of(tinyseg_multiplier multiplier)
{
    const uint32_t twice = (uint32_t)((uint64_t)multiplier >> 32);
    tinyseg_scale scale;
#if TINYSEG_TFLITE_SMMLAR
    scale.factor = (int32_t)twice; /* 2 * multiplier - 2^32 */
#else
    scale.factor = (int32_t)(twice >> 1);
#endif
    scale.right = (int32_t)(uint32_t)((uint64_t)multiplier & 0xFFFFFFFFu);
    return scale;
}

/* (value * multiplier + 2^30) >> 31 for a multiplier of 2^30 at least. */
TINYSEG_INLINE int32_t tinyseg_high_product(int32_t value, int32_t factor)
{
#if TINYSEG_TFLITE_SMMLAR
    int32_t high; /* with 2 * multiplier - 2^32 in place of twice the multiplier, the value is added once more */
    __asm__("smmlar %0, %1, %2, %1" : "=r"(high) : "r"(value), "r"(factor));
    return high;
#elif TINYSEG_TFLITE_NARROW
    const int32_t upper = value >> 16;
    const uint32_t lower = (uint32_t)value & 0xFFFFu;
    const uint32_t factor_lower = (uint32_t)factor & 0xFFFFu;
    const uint32_t least = lower * factor_lower;
    const uint32_t middle = lower * ((uint32_t)factor >> 16) + (least >> 16); /* below 2^31 */
    const int32_t mixed = upper * (int32_t)factor_lower + (int32_t)(middle & 0xFFFFu);
    const int32_t high = upper * (factor >> 16) + (int32_t)(middle >> 16) + (mixed >> 16);
    return 2 * high + (int32_t)((((uint32_t)mixed << 16 >> 30) + 1u) >> 1);
#else
    return (int32_t)(((int64_t)value * factor + (1 << 30)) >> 31);
#endif
}

/* value / 2^right, ties away from zero, and the zero point; right is at least 1. */
TINYSEG_INLINE int32_t tinyseg_rounding_shift(int32_t value, uint32_t right, int32_t zero_point)
{
#if defined(__GNUC__) && defined(__thumb2__) && !defined(TINYSEG_NO_ASSEMBLER)
    int32_t result;
    __asm__("add %0, %1, %1, asr #31\n\t"
            "asrs %0, %0, %2\n\t"
            "adc %0, %0, %3" /* the bit shifted out last rounds */
            : "=&r"(result)
            : "r"(value), "r"(right), "r"(zero_point)
            : "cc");
    return result;
#else
    const int32_t mask = (int32_t)((1u << right) - 1u);
    const int32_t half = (mask >> 1) + (value < 0 ? 1 : 0);
    return (value >> right) + ((value & mask) > half ? 1 : 0) + zero_point;
#endif
}

/* With any shift. */
TINYSEG_INLINE int32_t tinyseg_multiplied_to(int32_t acc, tinyseg_scale scale, int32_t zero_point)
{
    if (scale.right > 0) {
        return tinyseg_rounding_shift(tinyseg_high_product(acc, scale.factor), (uint32_t)scale.right, zero_point);
    }
    return tinyseg_high_product((int32_t)((uint32_t)acc << -scale.right), scale.factor) + zero_point;
}

/* A weighted sum. TINYSEG_TFLITE_RIGHT: all of the project's multipliers are below 1/2. */
TINYSEG_INLINE int32_t tinyseg_scaled_to(int32_t acc, tinyseg_scale scale, int32_t zero_point)
{
#if defined(TINYSEG_TFLITE_RIGHT)
    return tinyseg_rounding_shift(tinyseg_high_product(acc, scale.factor), (uint32_t)scale.right, zero_point);
#else
    return tinyseg_multiplied_to(acc, scale, zero_point);
#endif
}

#if TINYSEG_TFLITE_SMMLAR
/* tinyseg_multiplied_to for a multiplier below 2^30, to which division by a count can bring it. */
TINYSEG_INLINE int32_t tinyseg_multiplied_small_to(int32_t acc, tinyseg_scale scale, int32_t zero_point)
{
    const int32_t lifted = scale.right < 0 ? (int32_t)((uint32_t)acc << -scale.right) : acc;
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(lifted), "r"(scale.factor)); /* twice the multiplier as it is */
    return scale.right > 0 ? tinyseg_rounding_shift(high, (uint32_t)scale.right, zero_point) : high + zero_point;
}
#endif

/* An average: a sum divided by its number of values, or multiplied. */
TINYSEG_INLINE int32_t tinyseg_averaged_to(int32_t sum, tinyseg_scale scale, int32_t zero_point)
{
#if TINYSEG_TFLITE_SMMLAR
    if (scale.factor > 0) {
        return tinyseg_multiplied_small_to(sum, scale, zero_point);
    }
#endif
    if (scale.factor != 0) {
        return tinyseg_multiplied_to(sum, scale, zero_point);
    }
    if (scale.right > 0) {
        const int32_t half = scale.right / 2;
        return (sum < 0 ? sum - half : sum + half) / scale.right + zero_point;
    }
    if (scale.right < 0) {
        const int32_t count = -scale.right;
        const int32_t lifted = sum + count / 2;
        return (lifted < 0 ? lifted - (count - 1) : lifted) / count + zero_point;
    }
    return zero_point; /* of no values */
}

#endif
