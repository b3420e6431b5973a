/* SPDX-License-Identifier: Apache-2.0 */
/* What micro-kernels for the vector extension need (programs/windows/mve_kernels.py writes them for one operator each).
 */
#ifndef TINYSEG_TILE_MVE_H
#define TINYSEG_TILE_MVE_H

#include "tinyseg_mve.h"

/* What a tile's passes over its windows go on with. The assembler knows the order of the fields, and that the addresses
 * of the windows' segments follow. */
typedef struct {
    const int8_t *weight;
    const int32_t *bias;
    const tinyseg_multiplier *multiplier;
    int8_t *out;
    const int8_t *end; /* of the results in pairs of channels */
    const uint16_t *places; /* of the results of pixel and channel 00 01 10 11 20 21 30 31 */
} tinyseg_tile_mve;

/* Copies a line's values to `to`, with the zero point in `before` places ahead and `after` behind. */
void tinyseg_stage_int8(
    int8_t *to, const int8_t *from, int32_t before, int32_t values, int32_t after, int32_t zero_point);

#if !TINYSEG_MVE
/* Adds a segment's products to sums[pixel][channel]; returns the weights that follow. Its taps have `period` values
 * each; the weights of their first 16 values come first, each tap's with a channel's after the other's. */
TINYSEG_INLINE const int8_t *tinyseg_tile_products(
    const int8_t *x,
    const int8_t *w,
    int32_t step,
    int32_t period,
    int32_t taps,
    int32_t pixels,
    int32_t width,
    int32_t *sums)
{
    for (int32_t unit = 0; unit < period; unit += 16) {
        const int32_t lanes = period - unit < 16 ? period - unit : 16;
        for (int32_t tap = 0; tap < taps; ++tap) {
            for (int32_t c = 0; c < width; ++c, w += 16) {
                for (int32_t p = 0; p < pixels; ++p) {
                    for (int32_t i = 0; i < lanes; ++i) {
                        sums[p * width + c] += x[p * step + tap * period + unit + i] * w[i];
                    }
                }
            }
        }
    }
    return w;
}

/* Stores a pass's results, `row` bytes from pixel to pixel, and goes on to the next channels. */
TINYSEG_INLINE void tinyseg_tile_results(
    tinyseg_tile_mve *tile, const int32_t *sums, int32_t pixels, int32_t width, int32_t row, const tinyseg_output *output)
{
    for (int32_t p = 0; p < pixels; ++p) {
        for (int32_t c = 0; c < width; ++c) {
            tile->out[p * row + c] = tinyseg_requantize(sums[p * width + c], tile->multiplier[c], output);
        }
    }
    tile->bias += width;
    tile->multiplier += width;
    tile->out += width;
}
#endif

#endif
