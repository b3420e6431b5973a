/* SPDX-License-Identifier: Apache-2.0 */
/* What depthwise convolutions on Armv7-M need (programs/channels/v7m_kernels.py writes their micro-kernels for one
 * operator each). */
#ifndef TINYSEG_CHANNEL_V7M_H
#define TINYSEG_CHANNEL_V7M_H

#include "tinyseg_tile_v7m.h"

#if TINYSEG_THUMB2_ASSEMBLER && !defined(TINYSEG_RULE_TFLITE)
/* A multiplier below 0.5 in units of 2^-32, rounded down. */
TINYSEG_INLINE int32_t tinyseg_factor_of(float multiplier)
{
    uint32_t bits;
    uint32_t factor;
    memcpy(&bits, &multiplier, sizeof bits);
    __asm__("lsl %0, %1, #8\n\t"
            "orr %0, %0, #0x80000000\n\t"
            "lsr %0, %0, %2" /* by 32 or more: 0 */
            : "=&r"(factor)
            : "r"(bits), "r"(126u - (bits >> 23)));
    return (int32_t)factor;
}
#endif

/* Requantises sums without a channel's bias as the numeric contract says, to bytes `step` apart. */
void tinyseg_exact_results(
    const int32_t *sums,
    int32_t count,
    int32_t bias,
    tinyseg_multiplier multiplier,
    const tinyseg_output *output,
    int8_t *out,
    int32_t step);

#endif
