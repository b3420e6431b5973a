/* SPDX-License-Identifier: Apache-2.0 */
/* What depthwise convolutions on cores with the DSP extension need (programs/channels/kernels.py writes their
 * micro-kernels for one operator each): columns of four channels, widened to 16 bits with rows in pairs. */
#ifndef TINYSEG_COLUMNS_DSP_H
#define TINYSEG_COLUMNS_DSP_H

#include "tinyseg_scale.h"

/* A line's values of some channels: of the first column, and bytes from column to column (0: all are the same). */
typedef struct {
    const int8_t *at;
    int32_t step;
} tinyseg_row;

/* sum + (x's value at `half`) * (y's at `y_half`), modulo 2^32. */
TINYSEG_INLINE int32_t tinyseg_multiply_halves(uint32_t x, int half, uint32_t y, int y_half, int32_t sum)
{
    const int32_t a = (int16_t)(uint16_t)(half ? x >> 16 : x);
    const int32_t b = (int16_t)(uint16_t)(y_half ? y >> 16 : y);
    return (int32_t)((uint32_t)sum + (uint32_t)(a * b));
}

/* Words of a channel's weights: of every four bytes those at 0 and 2, then those at 1 and 3. */
TINYSEG_INLINE void tinyseg_widen_weights(uint32_t *to, const int8_t *weight, int32_t words)
{
    for (; words > 1; words -= 2, weight += 4, to += 2) {
        const uint32_t word = tinyseg_load_4(weight);
        to[0] = tinyseg_widen_even(word);
        to[1] = tinyseg_widen_odd(word);
    }
    if (words > 0) {
        to[0] = tinyseg_widen_even(tinyseg_load_4(weight));
    }
}

/* Widens `columns` columns of `count` rows, with `before` columns of zero points ahead and `after` behind.
 *
 * Of a column: [pairs of rows of channel 0, last single row of channels 0 and 2, pairs of channel 2], the same of channels 1
 * and 3, as words. Of `channels` (4, or the last 1 to 3) of `all`; the places of others have any values. */
void tinyseg_stage_columns(
    int16_t *to,
    const tinyseg_row *rows,
    int32_t count,
    int32_t channels,
    int32_t all,
    int32_t before,
    int32_t columns,
    int32_t after,
    int32_t zero_point);

/* The same of three rows and four channels of at least as many. */
void tinyseg_stage_three_rows(
    int16_t *to, const tinyseg_row *rows, int32_t before, int32_t columns, int32_t after, int32_t zero_point);

/* The same of three rows and all channels of a map of 1 to 3. */
void tinyseg_stage_three_narrow_rows(
    int16_t *to,
    const tinyseg_row *rows,
    int32_t channels,
    int32_t before,
    int32_t columns,
    int32_t after,
    int32_t zero_point);

#endif
