/* SPDX-License-Identifier: Apache-2.0 */
/* From an int32 accumulator to int8, as the numeric contract defines it:
 *
 *   clamp(round_half_even(float32(acc) * multiplier) + zero_point, minimum, maximum)
 *
 * with float32(acc) and the product each rounded to float32 (nearest, ties to even). Cores with a single precision
 * FPU compute just that. The others compute the same function in integers, not an approximation of it: one 64 bit
 * product and a rounding shift decide all results but those next to a tie, which the exact emulation decides. Define
 * TINYSEG_REQUANTIZE_INTEGER to 0 or 1 to choose by hand. The FPU must be in its default rounding mode.
 */
#ifndef TINYSEG_REQUANTIZE_H
#define TINYSEG_REQUANTIZE_H

#include "tinyseg_platform.h"

#if defined(TINYSEG_RULE_TFLITE)
#include "tinyseg_tflite.h"
#endif

/* Without 32 x 32 to 64 bit multiplication (Armv6-M), products of 32 bits decide all but one result in fifty. */
#ifndef TINYSEG_REQUANTIZE_NARROW
#if defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1
#define TINYSEG_REQUANTIZE_NARROW 1
#else
#define TINYSEG_REQUANTIZE_NARROW 0
#endif
#endif

#ifndef TINYSEG_REQUANTIZE_INTEGER
#if defined(__ARM_FP) && (__ARM_FP & 4)
#define TINYSEG_REQUANTIZE_INTEGER 0
#elif (defined(__x86_64__) || defined(__aarch64__)) && FLT_EVAL_METHOD == 0
#define TINYSEG_REQUANTIZE_INTEGER 0
#else
#define TINYSEG_REQUANTIZE_INTEGER 1
#endif
#endif

/* What accumulators are multiplied by.
 *
 * Another rule of requantisation has its own tinyseg_multiplier, tinyseg_scale, tinyseg_scale_of, tinyseg_scaled_to and
 * tinyseg_averaged_to, and 0 for TINYSEG_REQUANTIZE_INTEGER, in a header that is included in place of those below where
 * a macro TINYSEG_RULE_<NAME>, defined for the whole project, asks for it: the kernels of this folder know no more of a
 * rule. */
#if !defined(TINYSEG_RULE_TFLITE)
typedef float tinyseg_multiplier;
#endif

/* What activations consist of, for the kernels of this folder that are not of one type by their nature, and its limits.
 * Another type of elements has its own in such a header, too. */
typedef int8_t tinyseg_value;
#define TINYSEG_VALUE_BITS 8
#define TINYSEG_VALUE_MIN (-128)
#define TINYSEG_VALUE_MAX 127

/* The result's zero point and bounds, which are values. */
typedef struct {
    int16_t zero_point;
    int16_t minimum;
    int16_t maximum;
} tinyseg_output;

TINYSEG_INLINE int32_t tinyseg_clamp(int32_t value, int32_t low, int32_t high)
{
    value = value < low ? low : value;
    return value > high ? high : value;
}

/* round_half_even(value) for |value| < 2^22; larger values may give any integer of the same sign beyond +-2^21,
 * NaN any integer. */
TINYSEG_INLINE int32_t tinyseg_round(float value)
{
    int32_t bits;
#if defined(__GNUC__) && defined(__arm__) && defined(__ARM_FP) && (__ARM_FP & 4)
    float rounded;
    __asm__("vcvtr.s32.f32 %0, %1" : "=t"(rounded) : "t"(value));
    memcpy(&bits, &rounded, sizeof bits);
    return bits;
#else
    /* Adding 1.5 * 2^23 leaves the rounded integer in the low bits of the sum's mantissa. */
    value = value < -2097152.0f ? -2097152.0f : value;
    value = value > 2097152.0f ? 2097152.0f : value;
    TINYSEG_ROUNDED(value);
    value += 12582912.0f;
    memcpy(&bits, &value, sizeof bits);
    return bits - 0x4B400000;
#endif
}

/* Rounds a non-negative value to integer after a right shift by 1 to 63, ties to even. */
TINYSEG_INLINE uint64_t tinyseg_shift_half_even(uint64_t value, int32_t shift)
{
    const uint64_t half = (uint64_t)1 << (shift - 1);
    const uint64_t rest = value & (half + (half - 1u));
    uint64_t result = value >> shift;
    if (rest > half || (rest == half && (result & 1u) != 0u)) {
        ++result;
    }
    return result;
}

TINYSEG_INLINE int32_t tinyseg_bit_length(uint64_t value)
{
    uint32_t word = (uint32_t)(value >> 32);
    int32_t length = word != 0u ? 32 : 0;
    word = word != 0u ? word : (uint32_t)value;
    for (int32_t half = 16; half > 0; half >>= 1) {
        if (word >> half != 0u) {
            word >>= half;
            length += half;
        }
    }
    return length + (int32_t)word;
}

/* |float32(acc) * multiplier| rounded to integer half to even, in integer arithmetic; saturates at 4096.
 * `magnitude` is |acc|; `mantissa` * 2^-`shift` is the multiplier. */
static inline int32_t tinyseg_multiply_exact(uint32_t magnitude, uint32_t mantissa, int32_t shift)
{
    uint64_t product = magnitude;
    int32_t excess = tinyseg_bit_length(product) - 24;
    if (excess > 0) { /* float32(acc) */
        product = tinyseg_shift_half_even(product, excess);
        shift -= excess;
    }
    product *= mantissa;
    excess = tinyseg_bit_length(product) - 24;
    if (excess > 0) { /* the product in float32 */
        product = tinyseg_shift_half_even(product, excess);
        shift -= excess;
    }
    if (product == 0u || shift > 40) {
        return 0;
    }
    if (shift <= 0) {
        return (shift < -12 || product > (4096u >> -shift)) ? 4096 : (int32_t)(product << -shift);
    }
    product = tinyseg_shift_half_even(product, shift);
    return product > 4096u ? 4096 : (int32_t)product;
}

/* round_half_even(float32(acc) * multiplier) in integers, for multiplier >= 0; saturates at +-4096. */
TINYSEG_INNER int32_t tinyseg_multiply_integer(int32_t acc, float multiplier)
{
    const uint32_t magnitude = acc < 0 ? 0u - (uint32_t)acc : (uint32_t)acc;
    uint32_t bits;
    uint32_t mantissa;
    int32_t shift;
    int32_t result;
    memcpy(&bits, &multiplier, sizeof bits);
    mantissa = bits & 0x7FFFFFu;
    shift = (int32_t)((bits >> 23) & 0xFFu);
    if (shift == 0) {
        shift = 149;
    } else {
        mantissa |= 0x800000u;
        shift = 150 - shift;
    }
    /* Rounding the product to float32 moves it by at most 2^23 units of its last place: where the discarded
     * bits are farther than that from a tie, one rounding gives what two would. */
    if (shift >= 26 && shift <= 62 && magnitude < 0x1000000u) {
        const uint64_t product = (uint64_t)magnitude * mantissa;
        const uint64_t half = (uint64_t)1 << (shift - 1);
        const uint64_t rest = product & (half + (half - 1u));
        const uint64_t distance = rest > half ? rest - half : half - rest;
        if (distance > 0x800000u) {
            const uint64_t rounded = (product + half) >> shift;
            result = rounded > 4096u ? 4096 : (int32_t)rounded;
            return acc < 0 ? -result : result;
        }
    }
    result = tinyseg_multiply_exact(magnitude, mantissa, shift);
    return acc < 0 ? -result : result;
}

#if TINYSEG_REQUANTIZE_INTEGER && TINYSEG_REQUANTIZE_NARROW
/* A multiplier as factor * 2^-(22 + down) with an error of at most half a unit of factor. */
typedef struct {
    float multiplier;
    uint32_t factor;
    uint32_t down;
    uint32_t limit;  /* of |accumulator >> down|, below which the product has 32 bits */
    uint32_t before; /* in units of 2^-32, from the beginning of the doubtful products around a tie to 1 */
    uint32_t ties;   /* how many of them are doubtful; all: no fast way */
} tinyseg_scale;

#define TINYSEG_SCALE_BITS 22
#define TINYSEG_TIE_MARGIN 0x1040000u /* 2^-8 by the factor's rounding, 2^-14 by those to float32 */

TINYSEG_INLINE tinyseg_scale tinyseg_scale_of(tinyseg_multiplier multiplier)
{
    tinyseg_scale scale;
    uint32_t bits;
    uint32_t mantissa;
    int32_t down;
    memcpy(&bits, &multiplier, sizeof bits);
    mantissa = (bits & 0x7FFFFFu) | 0x800000u;
    down = 120 - (int32_t)(bits >> 23);
    scale.multiplier = multiplier;
    if (down >= 0 && down < 31) { /* below 2^-6: a factor of 16 bits */
        scale.factor = (mantissa + 0x80u) >> 8;
        scale.down = (uint32_t)down;
        scale.limit = 0x7FFFu;
        scale.before = scale.factor << (32 - TINYSEG_SCALE_BITS);
    } else if (down < 0 && down > -8) { /* below 2: what is exact in the accumulator's own units */
        scale.factor = (mantissa + (0x40u >> (-down - 1))) >> (8 + down);
        scale.down = 0;
        scale.limit = 0x7FFFu >> -down;
        scale.before = 0;
    } else if (down > 0) { /* below 2^-37: nothing is left of any accumulator */
        scale.factor = 0;
        scale.down = 31;
        scale.limit = 0x7FFFu;
        scale.before = 0;
    } else {
        scale.factor = 0;
        scale.down = 0;
        scale.limit = 0;
        scale.before = 0;
    }
    if (scale.limit != 0u) {
        scale.ties = scale.before + 2u * TINYSEG_TIE_MARGIN;
        scale.before += TINYSEG_TIE_MARGIN + 0x80000000u;
    } else {
        scale.ties = UINT32_MAX;
    }
    return scale;
}

/* Where a product of 32 bits does not decide. */
TINYSEG_INNER int32_t tinyseg_scaled_exactly(int32_t acc, float multiplier, uint32_t down)
{
    const int32_t high = acc >> down;
    if (down != 0u && (high > 0xFFFF || high < -0x10000)) {
        return high < 0 ? -512 : 512; /* the factor is 2^15 or more */
    }
    return tinyseg_multiply_integer(acc, multiplier);
}

/* round_half_even(float32(acc) * multiplier) + zero_point, saturating somewhere beyond +-511.
 *
 * The low bits of the accumulator are left out: the true product is up to one factor larger, and a tie in between, or
 * within the margin, leaves it to the exact way. */
TINYSEG_INLINE int32_t tinyseg_scaled_to(int32_t acc, tinyseg_scale scale, int32_t zero_point)
{
    const int32_t high = acc >> scale.down;
    if ((uint32_t)high + scale.limit <= 2u * scale.limit) {
        const int32_t product = high * (int32_t)scale.factor;
        if (((uint32_t)product << (32 - TINYSEG_SCALE_BITS)) + scale.before > scale.ties) {
            return (((product >> (TINYSEG_SCALE_BITS - 1)) + 1) >> 1) + zero_point;
        }
    }
    return tinyseg_scaled_exactly(acc, scale.multiplier, scale.down) + zero_point;
}
#elif TINYSEG_REQUANTIZE_INTEGER
/* A multiplier as mantissa * 2^-(32 + shift), 2^30 <= mantissa < 2^31. */
typedef struct {
    float multiplier;
    int32_t mantissa;
    int32_t shift;
    uint32_t ties; /* distances from the beginning of the margin around a tie that lie within; all: no fast way */
} tinyseg_scale;

#define TINYSEG_TIE_MARGIN 0x40000u /* 2^-14 */

TINYSEG_INLINE tinyseg_scale tinyseg_scale_of(tinyseg_multiplier multiplier)
{
    tinyseg_scale scale;
    uint32_t bits;
    memcpy(&bits, &multiplier, sizeof bits);
    scale.multiplier = multiplier;
    scale.mantissa = (int32_t)((bits << 7 & 0x3FFFFFFFu) | 0x40000000u);
    scale.shift = 125 - (int32_t)(bits >> 23);
    scale.ties = 2u * TINYSEG_TIE_MARGIN - 1u;
    if (scale.shift < 1) {
        scale.shift = 1;
        scale.ties = UINT32_MAX;
    } else if (scale.shift > 31) { /* below 2^-33: nothing is left of any accumulator */
        scale.shift = 1;
        scale.mantissa = 0;
    }
    return scale;
}

/* For a product at or near a tie: `floor` is it rounded down, `tie` whether it is one exactly. Then, unless it is beyond
 * +-511, the odd factors of accumulator and product are below 2^10: float32 has both exactly. */
TINYSEG_INNER int32_t tinyseg_near_tie(int32_t acc, float multiplier, int32_t floor, int tie)
{
    if (tie) {
        return floor + (floor & 1);
    }
    return tinyseg_multiply_integer(acc, multiplier);
}

/* round_half_even(float32(acc) * multiplier) + zero_point, saturating somewhere beyond +-511.
 *
 * The two roundings to float32 move a product below 2^9 by less than 2^-14, so it takes no other integer unless it is
 * nearer than that to a tie. One unit of `high` is 2^-shift; `fraction` is what lies below 1, in units of 2^-32. */
TINYSEG_INLINE int32_t tinyseg_scaled_to(int32_t acc, tinyseg_scale scale, int32_t zero_point)
{
#if defined(__GNUC__) && defined(__thumb2__)
    uint32_t low;
    int32_t high;
    __asm__("smull %0, %1, %2, %3" : "=&r"(low), "=&r"(high) : "r"(acc), "r"(scale.mantissa));
#else
    const int64_t product = (int64_t)acc * scale.mantissa;
    const uint32_t low = (uint32_t)product;
    const int32_t high = (int32_t)(product >> 32);
#endif
    const uint32_t fraction = ((uint32_t)high << (32 - scale.shift)) + (low >> scale.shift);
    if (fraction + (TINYSEG_TIE_MARGIN + 0x80000000u) > scale.ties) {
#if defined(__GNUC__) && defined(__thumb2__)
        int32_t result;
        __asm__("asrs %0, %1, %2\n\tadc %0, %0, %3" /* the bit shifted out last rounds */
                : "=&r"(result)
                : "r"(high), "r"(scale.shift), "r"(zero_point)
                : "cc");
        return result;
#else
        return (((high >> (scale.shift - 1)) + 1) >> 1) + zero_point;
#endif
    }
    const int tie = scale.ties != UINT32_MAX && fraction == 0x80000000u && low << (32 - scale.shift) == 0u;
    return tinyseg_near_tie(acc, scale.multiplier, high >> scale.shift, tie) + zero_point;
}
#elif !defined(TINYSEG_RULE_TFLITE)
typedef float tinyseg_scale;

TINYSEG_INLINE tinyseg_scale tinyseg_scale_of(tinyseg_multiplier multiplier)
{
    return multiplier;
}

TINYSEG_INLINE int32_t tinyseg_scaled_to(int32_t acc, tinyseg_scale scale, int32_t zero_point)
{
    float product = (float)acc * scale;
    TINYSEG_ROUNDED(product);
    /* saturated to int32, which with a zero point would wrap */
    return tinyseg_clamp(tinyseg_round(product), -4096, 4096) + zero_point;
}
#endif

#if !defined(TINYSEG_RULE_TFLITE)
/* The same of the sum of an average. */
TINYSEG_INLINE int32_t tinyseg_averaged_to(int32_t sum, tinyseg_scale scale, int32_t zero_point)
{
    return tinyseg_scaled_to(sum, scale, zero_point);
}
#endif

/* The same without a zero point. */
TINYSEG_INLINE int32_t tinyseg_scaled(int32_t acc, tinyseg_scale scale)
{
    return tinyseg_scaled_to(acc, scale, 0);
}

/* A result within its bounds. `narrow`: whether they are narrower than those of its type. */
TINYSEG_INLINE tinyseg_value tinyseg_within(int32_t result, int narrow, int32_t minimum, int32_t maximum)
{
#if defined(__GNUC__) && defined(__thumb2__)
    __asm__("ssat %0, %1, %0" : "+r"(result) : "I"(TINYSEG_VALUE_BITS));
#else
    result = tinyseg_clamp(result, TINYSEG_VALUE_MIN, TINYSEG_VALUE_MAX);
#endif
    return (tinyseg_value)(narrow ? tinyseg_clamp(result, minimum, maximum) : result);
}

TINYSEG_INLINE int tinyseg_narrow(const tinyseg_output *output)
{
    return output->minimum != TINYSEG_VALUE_MIN || output->maximum != TINYSEG_VALUE_MAX;
}

TINYSEG_INLINE tinyseg_value tinyseg_requantize(
    int32_t acc, tinyseg_multiplier multiplier, const tinyseg_output *output)
{
    const int32_t result = tinyseg_scaled_to(acc, tinyseg_scale_of(multiplier), output->zero_point);
    return (tinyseg_value)tinyseg_clamp(result, output->minimum, output->maximum);
}

#endif
