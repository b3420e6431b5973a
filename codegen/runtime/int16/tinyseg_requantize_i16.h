/* SPDX-License-Identifier: Apache-2.0 */
/* From an accumulator of 32 or 64 bits to int16, as the numeric contract defines it:
 *
 *   clamp(round_half_even(float32(acc) * multiplier) + zero_point, minimum, maximum)
 *
 * What tinyseg_requantize.h is for int8: from int64 to float32 is one rounding. Cores without an FPU compute the same
 * function in integers (TINYSEG_REQUANTIZE_INTEGER). Another rule has a header of its own. */
#ifndef TINYSEG_REQUANTIZE_I16_H
#define TINYSEG_REQUANTIZE_I16_H

#include "tinyseg_requantize.h"

#if defined(TINYSEG_RULE_TFLITE)
#include "tinyseg_tflite_i16.h"
#endif

/* A value times a weight, to be added to a TINYSEG_SUM. It fits 32 bits: where there is no long multiplication, that is
 * what it is made in. */
#if TINYSEG_REQUANTIZE_NARROW
#define TINYSEG_PRODUCT_I16(value, weight) ((int32_t)(value) * (weight))
#else
#define TINYSEG_PRODUCT_I16(value, weight) ((TINYSEG_SUM)(value) * (weight))
#endif

#if !defined(TINYSEG_RULE_TFLITE)
#if TINYSEG_REQUANTIZE_INTEGER
#define TINYSEG_MOST_I16 (1 << 17) /* where results saturate, whatever the zero point */

/* |float32(acc) * multiplier| rounded to integer half to even; saturates. */
TINYSEG_INNER int32_t tinyseg_multiply_wide(uint64_t magnitude, float multiplier)
{
    uint32_t bits;
    uint32_t mantissa;
    int32_t shift;
    int32_t excess = tinyseg_bit_length(magnitude) - 24;
    memcpy(&bits, &multiplier, sizeof bits);
    mantissa = bits & 0x7FFFFFu;
    shift = (int32_t)((bits >> 23) & 0xFFu); /* the multiplier is mantissa * 2^-shift */
    if (shift == 0) {
        shift = 149;
    } else {
        mantissa |= 0x800000u;
        shift = 150 - shift;
    }
    if (excess > 0) { /* float32(acc) */
        magnitude = tinyseg_shift_half_even(magnitude, excess);
        shift -= excess;
    }
    magnitude *= mantissa;
    excess = tinyseg_bit_length(magnitude) - 24;
    if (excess > 0) { /* the product in float32 */
        magnitude = tinyseg_shift_half_even(magnitude, excess);
        shift -= excess;
    }
    if (magnitude == 0u || shift > 40) {
        return 0;
    }
    if (shift > 0) {
        magnitude = tinyseg_shift_half_even(magnitude, shift);
    } else if (shift < -17 || magnitude > ((uint32_t)TINYSEG_MOST_I16 >> -shift)) {
        return TINYSEG_MOST_I16;
    } else {
        magnitude <<= -shift;
    }
    return magnitude > (uint32_t)TINYSEG_MOST_I16 ? TINYSEG_MOST_I16 : (int32_t)magnitude;
}
#endif

/* round_half_even(float32(acc) * multiplier), saturating somewhere beyond +-2^17. */
TINYSEG_INLINE int32_t tinyseg_scaled_i16(int64_t acc, float multiplier)
{
#if TINYSEG_REQUANTIZE_INTEGER
    const int32_t result = tinyseg_multiply_wide(acc < 0 ? 0u - (uint64_t)acc : (uint64_t)acc, multiplier);
    return acc < 0 ? -result : result;
#else
    const int32_t low = (int32_t)acc;
    float product = low == acc ? (float)low : (float)acc;
    TINYSEG_ROUNDED(product);
    product *= multiplier;
    TINYSEG_ROUNDED(product);
    return tinyseg_clamp(tinyseg_round(product), -(1 << 17), 1 << 17);
#endif
}

TINYSEG_INLINE int16_t tinyseg_requantize_i16(int64_t acc, float multiplier, const tinyseg_output *output)
{
    const int32_t result = tinyseg_scaled_i16(acc, multiplier) + output->zero_point;
    return (int16_t)tinyseg_clamp(result, output->minimum, output->maximum);
}
#endif

#endif
