/* SPDX-License-Identifier: Apache-2.0 */
/* What micro-kernels for cores that multiply one pair at a time need (programs/windows/v7m_kernels.py writes them for
 * one operator each). */
#ifndef TINYSEG_TILE_V7M_H
#define TINYSEG_TILE_V7M_H

#include "tinyseg_requantize.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("omit-frame-pointer") /* inner loops use every register */
#endif

#if defined(__GNUC__) && defined(__thumb2__) && !defined(TINYSEG_NO_ASSEMBLER)
#define TINYSEG_THUMB2_ASSEMBLER 1
#else
#define TINYSEG_THUMB2_ASSEMBLER 0
#endif

/* Copies a line's values to `to`, with the zero point in `before` places ahead and `after` behind. */
void tinyseg_stage_int8(
    int8_t *to, const int8_t *from, int32_t before, int32_t values, int32_t after, int32_t zero_point);

#endif
