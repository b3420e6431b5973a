/* SPDX-License-Identifier: Apache-2.0 */
/* What micro-kernels over lines widened to 16 bits need (programs/windows/kernels.py writes them for one operator
 * each): dual multiplications of neighbouring values. */
#ifndef TINYSEG_TILE_DSP_H
#define TINYSEG_TILE_DSP_H

#define TINYSEG_JOINED 1

#include "tinyseg_joined.h"
#include "tinyseg_scale.h"

/* Copies a line's values to `to` in 16 bits, with the zero point in `before` places ahead and `after` behind. */
void tinyseg_stage_int16(
    int16_t *to, const int8_t *from, int32_t before, int32_t values, int32_t after, int32_t zero_point);

#endif
