/* SPDX-License-Identifier: Apache-2.0 */
/* Requantisation of several sums by one multiplier for Armv6-M, in assembler; equal to tinyseg_requantize bit for bit. */
#ifndef TINYSEG_STORE_V6M_H
#define TINYSEG_STORE_V6M_H

#include "tinyseg_requantize.h"

#if defined(__GNUC__) && defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1 && TINYSEG_REQUANTIZE_NARROW && \
    !defined(TINYSEG_NO_ASSEMBLER)
#define TINYSEG_THUMB1_ASSEMBLER 1
#pragma GCC optimize("omit-frame-pointer") /* inner loops use every register */
#else
#define TINYSEG_THUMB1_ASSEMBLER 0
#endif

#if TINYSEG_THUMB1_ASSEMBLER && TINYSEG_REQUANTIZE_INTEGER /* of the rule of ONNX */
#define TINYSEG_ASSEMBLER_V6M 1

/* Requantises sums up to `end` within int8, to bytes `step` apart, until one is not decided by a product of 32 bits:
 * returns where it lies, or `end`. For multipliers below 2^-6. */
TINYSEG_INLINE const int32_t *tinyseg_store_v6m(
    const int32_t *sums, const int32_t *end, tinyseg_scale scale, int32_t zero_point, int8_t **out, int32_t step)
{
    int8_t *to = *out;
    int32_t a;
    int32_t b;
    __asm__ volatile(".syntax unified\n\t"
                     "1:\n\t"
                     "ldmia %[sums]!, {%[a]}\n\t"
                     "asrs %[a], %[down]\n\t"
                     "sxth %[b], %[a]\n\t"
                     "cmp %[b], %[a]\n\t"
                     "bne 2f\n\t"
                     "muls %[a], %[factor], %[a]\n\t"
                     "lsls %[b], %[a], #10\n\t"
                     "add %[b], %[before]\n\t"
                     "cmp %[b], %[ties]\n\t"
                     "bls 2f\n\t"
                     "asrs %[a], %[a], #22\n\t" /* the bit shifted out last rounds */
                     "adcs %[a], %[zero]\n\t"
                     "sxtb %[b], %[a]\n\t"
                     "cmp %[b], %[a]\n\t"
                     "bne 4f\n"
                     "3:\n\t"
                     "strb %[a], [%[to]]\n\t"
                     "add %[to], %[step]\n\t"
                     "cmp %[sums], %[end]\n\t"
                     "bne 1b\n\t"
                     "b 5f\n"
                     "4:\n\t"
                     "asrs %[b], %[a], #31\n\t"
                     "movs %[a], #127\n\t"
                     "eors %[a], %[b]\n\t"
                     "b 3b\n"
                     "2:\n\t"
                     "subs %[sums], #4\n"
                     "5:"
                     : [sums] "+l"(sums), [to] "+l"(to), [a] "=&l"(a), [b] "=&l"(b)
                     : [down] "l"(scale.down), [factor] "l"(scale.factor), [zero] "l"(zero_point),
                       [before] "h"(scale.before), [ties] "h"(scale.ties), [end] "h"(end), [step] "h"(step)
                     : "cc", "memory");
    *out = to;
    return sums;
}

/* As many sums, all of them. */
TINYSEG_INLINE int8_t *tinyseg_store_all_v6m(
    const int32_t *sums, const int32_t *end, tinyseg_scale scale, int32_t zero_point, int8_t *out, int32_t step)
{
    while (sums != end) {
        if (scale.limit == 0x7FFFu) {
            sums = tinyseg_store_v6m(sums, end, scale, zero_point, &out, step);
            if (sums == end) {
                break;
            }
        }
        *out = (int8_t)tinyseg_clamp(tinyseg_scaled_to(*sums++, scale, zero_point), -128, 127);
        out += step;
    }
    return out;
}
#else
#define TINYSEG_ASSEMBLER_V6M 0
#endif

#endif
