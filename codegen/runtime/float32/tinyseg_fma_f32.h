/* SPDX-License-Identifier: Apache-2.0 */
/* Float32 arithmetic of the contract: the fused multiply-add and the clamp.
 *
 * Cores with VFMA have the fused multiply-add as one instruction; for the others it is computed in integers, with the
 * same bits. NaN and infinite values are outside of the contract. */
#ifndef TINYSEG_FMA_F32_H
#define TINYSEG_FMA_F32_H

#include "tinyseg_platform.h"

#if !defined(TINYSEG_HARDWARE_FMA)
#if defined(__GNUC__) && (defined(__FP_FAST_FMAF) || (defined(__ARM_FEATURE_FMA) && defined(__ARM_FP)))
#define TINYSEG_HARDWARE_FMA 1
#else
#define TINYSEG_HARDWARE_FMA 0
#endif
#endif

/* x * y + z, rounded once. */
float tinyseg_fma_in_integers(float x, float y, float z);

#if TINYSEG_HARDWARE_FMA
#define tinyseg_fma(x, y, z) __builtin_fmaf((x), (y), (z))
#else
#define tinyseg_fma(x, y, z) tinyseg_fma_in_integers((x), (y), (z))
#endif

/* Four consecutive floats into the variables NAME0 to NAME3 and the pointer past them: one VLDM where there is one.
 * Its registers must be consecutive, hence the variables are bound to them. */
#if TINYSEG_HARDWARE_FMA && defined(__arm__) && defined(__thumb2__) && !defined(TINYSEG_PLAIN_LOADS)
#define TINYSEG_FOUR_LOW(name) \
    register float name##0 __asm__("s0"); \
    register float name##1 __asm__("s1"); \
    register float name##2 __asm__("s2"); \
    register float name##3 __asm__("s3")
#define TINYSEG_FOUR_HIGH(name) \
    register float name##0 __asm__("s4"); \
    register float name##1 __asm__("s5"); \
    register float name##2 __asm__("s6"); \
    register float name##3 __asm__("s7")
#define TINYSEG_LOAD_FOUR(name, from) \
    __asm__("vldmia %[at]!, {%0, %1, %2, %3}" \
            : "=t"(name##0), "=t"(name##1), "=t"(name##2), "=t"(name##3), [at] "+r"(from) \
            : "m"(*(const float(*)[4])(from)))
#else
#define TINYSEG_FOUR_LOW(name) float name##0, name##1, name##2, name##3
#define TINYSEG_FOUR_HIGH(name) float name##0, name##1, name##2, name##3
#define TINYSEG_LOAD_FOUR(name, from) \
    do { \
        name##0 = (from)[0]; \
        name##1 = (from)[1]; \
        name##2 = (from)[2]; \
        name##3 = (from)[3]; \
        (from) += 4; \
    } while (0)
#endif

typedef enum { TINYSEG_ANY_F32, TINYSEG_RELU_F32, TINYSEG_CLIP_F32 } tinyseg_clamp_f32_kind;

/* v > minimum ? v : minimum, then v < maximum ? v : maximum. `kind` says whether that is nothing at all or a ReLU. */
typedef struct {
    uint32_t kind;
    float minimum;
    float maximum;
} tinyseg_clamp_f32;

TINYSEG_INLINE float tinyseg_clip_f32(float v, float minimum, float maximum)
{
    v = v > minimum ? v : minimum;
    return v < maximum ? v : maximum;
}

TINYSEG_INLINE void tinyseg_store_relu_f32(float *out, float v)
{
    int32_t bits;
    memcpy(&bits, &v, sizeof bits);
    bits = bits > 0 ? bits : 0;
    memcpy(out, &bits, sizeof bits);
}

TINYSEG_INLINE void tinyseg_store_f32(const tinyseg_clamp_f32 *clamp, float *out, float v)
{
    if (clamp->kind == TINYSEG_ANY_F32) {
        *out = v;
    } else if (clamp->kind == TINYSEG_RELU_F32) {
        tinyseg_store_relu_f32(out, v);
    } else {
        *out = tinyseg_clip_f32(v, clamp->minimum, clamp->maximum);
    }
}

TINYSEG_INLINE void tinyseg_store_four_f32(
    const tinyseg_clamp_f32 *clamp, float *out, float a, float b, float c, float d)
{
    if (clamp->kind == TINYSEG_ANY_F32) {
        out[0] = a;
        out[1] = b;
        out[2] = c;
        out[3] = d;
    } else if (clamp->kind == TINYSEG_RELU_F32) {
        tinyseg_store_relu_f32(out, a);
        tinyseg_store_relu_f32(out + 1, b);
        tinyseg_store_relu_f32(out + 2, c);
        tinyseg_store_relu_f32(out + 3, d);
    } else {
        const float minimum = clamp->minimum;
        const float maximum = clamp->maximum;
        out[0] = tinyseg_clip_f32(a, minimum, maximum);
        out[1] = tinyseg_clip_f32(b, minimum, maximum);
        out[2] = tinyseg_clip_f32(c, minimum, maximum);
        out[3] = tinyseg_clip_f32(d, minimum, maximum);
    }
}

#endif
