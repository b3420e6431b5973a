/* SPDX-License-Identifier: Apache-2.0 */
/* What depthwise convolutions for the vector extension need (programs/channels/mve_kernels.py writes their
 * micro-kernels for one operator each): planes of four rows of a channel. */
#ifndef TINYSEG_PLANES_MVE_H
#define TINYSEG_PLANES_MVE_H

#include "tinyseg_mve.h"

/* A line's values of some channels: of the first column, and bytes from column to column (0: all are the same). */
typedef struct {
    const int8_t *at;
    int32_t step;
} tinyseg_row;

/* What a tile's channels go on with. The assembler knows the order of the fields. */
typedef struct {
    const int8_t *x; /* the channel's first plane */
    int8_t *out;
    const int32_t *bias;
    const tinyseg_multiplier *multiplier;
    const int8_t *weight;
    int32_t channels; /* left */
} tinyseg_channel_tile;

/* Stages `columns` columns of `count` rows, with `before` columns of zero points ahead and `after` behind.
 *
 * Of `channels` (up to 16) channels, as [channel][four rows][column][row]; places of rows that are missing have any
 * values. The channels' places are written four at a time: of those that are missing, too. */
void tinyseg_stage_planes(
    int8_t *to,
    const tinyseg_row *rows,
    int32_t count,
    int32_t channels,
    int32_t before,
    int32_t columns,
    int32_t after,
    int32_t zero_point);

/* sum + the first `n` products. */
TINYSEG_INLINE int32_t tinyseg_piece_products(const int8_t *x, const int8_t *w, int32_t n, int32_t sum)
{
    for (int32_t i = 0; i < n; ++i) {
        sum = (int32_t)((uint32_t)sum + (uint32_t)(x[i] * w[i]));
    }
    return sum;
}

#endif
