/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of int8 lines with three columns of taps by Winograd's minimal filtering F(4, 3) along the line, exact:
 * four output pixels take six products per kernel row and channel instead of twelve. For cores with the DSP extension.
 *
 * Six neighbouring input values become six numbers (int16), the three weights of a row, times 24, six others (int16, by
 * the compiler). Products of numbers of the same position are summed over rows and channels modulo 2^32; four integer
 * combinations of the six sums are 24 times the four results. Times the inverse of 3 modulo 2^32 that is 8 times the
 * result, which the compiler has proven to fit int32: whatever wrapped on the way is no matter. */
#ifndef TINYSEG_CONV2D_WINOGRAD_H
#define TINYSEG_CONV2D_WINOGRAD_H

#include "tinyseg_requantize.h"

typedef struct {
    /* Output channels by four, the last block filled with zeros: [block][position 6] of four sums to begin with (bias,
     * zero point and offsets of the transformed values), then [pair][channel 4] of two int16. Pairs go by row, piece
     * and channel: of four channels the first and third, the second and fourth; of two both, of three alone the first and
     * third. The last three of more than four follow the one before them once more, times 0. */
    const uint32_t *weight;
    const tinyseg_multiplier *multiplier; /* of float an eighth of it */
    const uint16_t *piece_channels; /* channels of each piece */
    uint16_t pieces;
    uint16_t pairs; /* of a window */
    uint16_t input_width;
    uint16_t output_width;
    uint16_t output_channels;
    uint16_t kernel_height;
    uint16_t pad_left;
    int16_t input_zero_point;
    tinyseg_output output;
} tinyseg_conv2d_winograd;

/* One output line from `lines[row * pieces + piece]`; NULL is a padding line. `scratch` (aligned to 4) has 48 bytes per
 * pair, 192 bytes, and where there is padding or a partial group of four pixels six values per channel of a piece. */
void tinyseg_conv2d_winograd_line(
    const tinyseg_conv2d_winograd *p, const int8_t *const *lines, void *scratch, int8_t *out);

#endif
