/* SPDX-License-Identifier: Apache-2.0 */
/* Requantisation of several accumulators at a time, equal to tinyseg_requantize bit for bit.
 *
 * With an FPU, two accumulators go through it together. */
#ifndef TINYSEG_SCALE_H
#define TINYSEG_SCALE_H

#include "tinyseg_dsp.h"
#include "tinyseg_requantize.h"

#if defined(__GNUC__) && defined(__thumb2__) && defined(__ARM_FP) && (__ARM_FP & 4)
#define TINYSEG_FPU_REGISTERS 1
#else
#define TINYSEG_FPU_REGISTERS 0
#endif

#if TINYSEG_FPU_REGISTERS && !TINYSEG_REQUANTIZE_INTEGER && !defined(TINYSEG_RULE_TFLITE)
#define TINYSEG_SCALE_FPU 1
#else
#define TINYSEG_SCALE_FPU 0
#endif

/* Rounded products in place of two accumulators. */
TINYSEG_INLINE void tinyseg_scale_two(int32_t *a, int32_t *b, tinyseg_scale a_scale, tinyseg_scale b_scale)
{
#if TINYSEG_SCALE_FPU
    int32_t x = *a;
    int32_t y = *b;
    __asm__("vmov s14, s15, %0, %1\n\t"
            "vcvt.f32.s32 s14, s14\n\t"
            "vcvt.f32.s32 s15, s15\n\t"
            "vmul.f32 s14, s14, %2\n\t"
            "vmul.f32 s15, s15, %3\n\t"
            "vcvtr.s32.f32 s14, s14\n\t"
            "vcvtr.s32.f32 s15, s15\n\t"
            "vmov %0, %1, s14, s15"
            : "+r"(x), "+r"(y)
            : "t"(a_scale), "t"(b_scale)
            : "s14", "s15");
    *a = x;
    *b = y;
#else
    *a = tinyseg_scaled(*a, a_scale);
    *b = tinyseg_scaled(*b, b_scale);
#endif
}

/* The same of one accumulator; saturated to int32 where tinyseg_scaled saturates earlier. */
TINYSEG_INLINE int32_t tinyseg_scale_one(int32_t a, tinyseg_scale scale)
{
#if TINYSEG_SCALE_FPU
    return tinyseg_round((float)a * scale);
#else
    return tinyseg_scaled(a, scale);
#endif
}

/* The bounds of a result that int8 does not have already. */
typedef struct {
    int32_t zero_point;
    uint32_t minimum; /* four times */
    uint32_t maximum;
    int clamped; /* there are any */
} tinyseg_bounds;

TINYSEG_INLINE tinyseg_bounds tinyseg_bounds_of(const tinyseg_output *output)
{
    tinyseg_bounds bounds;
    bounds.zero_point = output->zero_point;
    bounds.minimum = ((uint32_t)output->minimum & 0xFFu) * 0x01010101u;
    bounds.maximum = ((uint32_t)output->maximum & 0xFFu) * 0x01010101u;
    bounds.clamped = output->minimum != -128 || output->maximum != 127;
    return bounds;
}

TINYSEG_INLINE uint32_t tinyseg_bound_4(uint32_t word, const tinyseg_bounds *bounds)
{
    return bounds->clamped != 0 ? tinyseg_min_4(tinyseg_max_4(word, bounds->minimum), bounds->maximum) : word;
}

/* Four accumulators with a multiplier each, as four bytes. */
TINYSEG_INLINE uint32_t tinyseg_requantize_4(
    int32_t a,
    int32_t b,
    int32_t c,
    int32_t d,
    tinyseg_scale a_scale,
    tinyseg_scale b_scale,
    tinyseg_scale c_scale,
    tinyseg_scale d_scale,
    const tinyseg_bounds *bounds)
{
    const int32_t zero_point = bounds->zero_point;
#if defined(TINYSEG_RULE_TFLITE)
    a = tinyseg_within(tinyseg_scaled_to(a, a_scale, zero_point), 0, 0, 0);
    b = tinyseg_within(tinyseg_scaled_to(b, b_scale, zero_point), 0, 0, 0);
    c = tinyseg_within(tinyseg_scaled_to(c, c_scale, zero_point), 0, 0, 0);
    d = tinyseg_within(tinyseg_scaled_to(d, d_scale, zero_point), 0, 0, 0);
#else
    tinyseg_scale_two(&a, &b, a_scale, b_scale);
    tinyseg_scale_two(&c, &d, c_scale, d_scale);
    a = tinyseg_add_saturate_8(a, zero_point);
    b = tinyseg_add_saturate_8(b, zero_point);
    c = tinyseg_add_saturate_8(c, zero_point);
    d = tinyseg_add_saturate_8(d, zero_point);
#endif
    return tinyseg_bound_4(tinyseg_pack_4(a, b, c, d), bounds);
}

/* One accumulator. */
TINYSEG_INLINE int8_t tinyseg_requantize_1(int32_t a, tinyseg_scale scale, const tinyseg_output *output)
{
    const int32_t value = tinyseg_add_saturate_8(tinyseg_scale_one(a, scale), output->zero_point);
    return (int8_t)tinyseg_clamp(value, output->minimum, output->maximum);
}

#endif
