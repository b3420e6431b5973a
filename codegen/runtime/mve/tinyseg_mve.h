/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels for cores with the vector extension (MVE with floating point) have in common. Where the extension
 * is missing, or with TINYSEG_NO_ASSEMBLER, they are built from C twins that give the same bits. */
#ifndef TINYSEG_MVE_H
#define TINYSEG_MVE_H

#include "tinyseg_requantize.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("omit-frame-pointer") /* inner loops use every register */
#endif

#if defined(__ARM_FEATURE_MVE) && ((__ARM_FEATURE_MVE & 3) == 3) && defined(__GNUC__) && \
    !defined(TINYSEG_NO_ASSEMBLER)
#define TINYSEG_MVE 1
#include <arm_mve.h>
#else
#define TINYSEG_MVE 0
#endif

/* Copies n bytes, 16 at a time; returns the end. */
TINYSEG_INLINE int8_t *tinyseg_copy_16(int8_t *to, const int8_t *from, int32_t n)
{
    int8_t *const end = to + n;
#if TINYSEG_MVE
    __asm__ volatile("wlstp.8 lr, %[n], 2f\n"
                     "1:\n\t"
                     "vldrb.8 q0, [%[from]], #16\n\t"
                     "vstrb.8 q0, [%[to]], #16\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : [to] "+r"(to), [from] "+r"(from)
                     : [n] "r"(n)
                     : "lr", "q0", "cc", "memory");
#else
    if (n > 0) {
        memcpy(to, from, (size_t)n);
    }
#endif
    return end;
}

/* Writes n times the same byte; returns the end. */
TINYSEG_INLINE int8_t *tinyseg_fill_16(int8_t *to, int32_t value, int32_t n)
{
    int8_t *const end = to + n;
#if TINYSEG_MVE
    __asm__ volatile("vdup.8 q0, %[value]\n\t"
                     "wlstp.8 lr, %[n], 2f\n"
                     "1:\n\t"
                     "vstrb.8 q0, [%[to]], #16\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : [to] "+r"(to)
                     : [n] "r"(n), [value] "r"(value)
                     : "lr", "q0", "cc", "memory");
#else
    if (n > 0) {
        memset(to, value, (size_t)n);
    }
#endif
    return end;
}

#if TINYSEG_MVE
/* round_half_even(float32(sum) * multiplier) of four sums. */
TINYSEG_INLINE int32x4_t tinyseg_scale_4(int32x4_t sums, float32x4_t multiplier)
{
    return vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(sums), multiplier));
}

/* The result's bounds, in every lane. */
typedef struct {
    int16x8_t minimum;
    int16x8_t maximum;
    int16_t zero_point;
} tinyseg_bounds_8;

TINYSEG_INLINE tinyseg_bounds_8 tinyseg_bounds_8_of(const tinyseg_output *output)
{
    tinyseg_bounds_8 bounds;
    bounds.minimum = vdupq_n_s16(output->minimum);
    bounds.maximum = vdupq_n_s16(output->maximum);
    bounds.zero_point = output->zero_point;
    return bounds;
}

/* Rounded products as results, those of `even` in the even lanes. */
TINYSEG_INLINE int16x8_t tinyseg_finish_8(int32x4_t even, int32x4_t odd, const tinyseg_bounds_8 *bounds)
{
    int16x8_t eight = vqmovntq_s32(vqmovnbq_s32(vuninitializedq_s16(), even), odd);
    eight = vqaddq_n_s16(eight, bounds->zero_point);
    return vminq_s16(vmaxq_s16(eight, bounds->minimum), bounds->maximum);
}
#endif

#endif
