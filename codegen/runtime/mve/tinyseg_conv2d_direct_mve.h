/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of int8 lines for cores with the vector extension, without scratch memory.
 *
 * Three output pixels and two channels at a time run over the values where they lie: six sums in registers, and a loop
 * that masks what a segment (values side by side in a line) does not fill of its last vector. A list tells where the
 * segments are; padding is read from a constant. */
#ifndef TINYSEG_CONV2D_DIRECT_MVE_H
#define TINYSEG_CONV2D_DIRECT_MVE_H

#include "tinyseg_requantize.h"

typedef struct {
    const int8_t *weight; /* [channel][row][piece][tap][input channel] */
    const int32_t *bias; /* minus input_zero_point times the sum of the channel's weights; one more than channels */
    const float *multiplier; /* one more than channels */
    const int8_t *padding; /* the zero point as often as a segment has values, at the most */
    const uint16_t *piece_channels; /* channels of each piece */
    int32_t values; /* under the kernel */
    uint16_t pieces;
    uint16_t input_width;
    uint16_t output_width;
    uint16_t output_channels;
    uint16_t output_step; /* bytes from an output pixel to the next, at most 21844 */
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t stride;
    uint16_t dilation;
    int16_t pad_left; /* negative: the first tap lies to the right */
    tinyseg_output output;
} tinyseg_conv2d_direct_mve;

/* Values side by side of three pixels; none end a list. The assembler knows the order of the fields. */
typedef struct {
    const int8_t *x[3];
    int32_t values;
} tinyseg_segment_of_three;

/* One output line from `lines[row * pieces + piece]`; NULL is a padding line. `segments` has room for one more than any
 * three windows have: taps of a row are one segment where they lie side by side, and of each pixel all of them in the
 * map or all of them in the padding. */
void tinyseg_conv2d_direct_mve_line(
    const tinyseg_conv2d_direct_mve *p, const int8_t *const *lines, tinyseg_segment_of_three *segments, int8_t *out);

#endif
