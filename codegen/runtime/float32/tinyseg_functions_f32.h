/* SPDX-License-Identifier: Apache-2.0 */
/* Elementary functions of float32 in fixed sequences of operations, each rounded once: no libm, the same bits on every
 * core. tinyseg_tvm/operators/arithmetic/elementary_functions.py states the sequences. */
#ifndef TINYSEG_FUNCTIONS_F32_H
#define TINYSEG_FUNCTIONS_F32_H

#include "tinyseg_fma_f32.h"

float tinyseg_exponential_f32(float x);
float tinyseg_logarithm_f32(float x);
float tinyseg_sigmoid_f32(float x);
float tinyseg_tanh_f32(float x);
float tinyseg_erf_f32(float x);
float tinyseg_sine_f32(float x);
float tinyseg_cosine_f32(float x);
float tinyseg_arctangent_f32(float x);
float tinyseg_power_f32(float x, float y);

/* Of numbers that are not negative, on cores without the instruction. */
float tinyseg_square_root_in_integers(float x);

TINYSEG_INLINE float tinyseg_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

TINYSEG_INLINE uint32_t tinyseg_to_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* A product that no later addition is fused with. */
TINYSEG_INLINE float tinyseg_product_f32(float x, float y)
{
    float product = x * y;
    TINYSEG_ROUNDED(product);
    return product;
}

TINYSEG_INLINE float tinyseg_magnitude_f32(float x)
{
    return tinyseg_from_bits(tinyseg_to_bits(x) & 0x7FFFFFFFu);
}

TINYSEG_INLINE float tinyseg_square_root_f32(float x)
{
#if defined(__GNUC__) && defined(__arm__) && defined(__ARM_FP) && (__ARM_FP & 4)
    float root;
    __asm__("vsqrt.f32 %0, %1" : "=t"(root) : "t"(x));
    return root;
#else
    return tinyseg_square_root_in_integers(x);
#endif
}

/* To an integer, half to even: adding 2^23 to the magnitude rounds it. */
TINYSEG_INLINE float tinyseg_rounded_f32(float x)
{
    const float magnitude = tinyseg_magnitude_f32(x);
    float y = magnitude + 8388608.0f;
    TINYSEG_ROUNDED(y);
    y -= 8388608.0f;
    if (!(magnitude < 8388608.0f)) {
        return x;
    }
    return x < 0.0f ? -y : y;
}

TINYSEG_INLINE float tinyseg_floor_f32(float x)
{
    const float y = tinyseg_rounded_f32(x);
    return y > x ? y - 1.0f : y;
}

TINYSEG_INLINE float tinyseg_ceiling_f32(float x)
{
    const float y = tinyseg_rounded_f32(x);
    return y < x ? y + 1.0f : y;
}

TINYSEG_INLINE float tinyseg_truncated_f32(float x)
{
    return x < 0.0f ? tinyseg_ceiling_f32(x) : tinyseg_floor_f32(x);
}

TINYSEG_INLINE float tinyseg_sign_f32(float x)
{
    return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f;
}

#endif
