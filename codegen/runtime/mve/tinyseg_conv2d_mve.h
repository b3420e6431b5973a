/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of int8 lines for cores with the vector extension.
 *
 * The values under the kernel are laid out in the scratch memory for four output pixels, each filled up to whole
 * vectors of 16; where they lie side by side in the input already, they are read there. Two output channels at a time
 * then run over the four pixels: eight sums in registers. What a window read in place does not fill of its last vector
 * is of the next pixel, and has weights 0; the last windows of a line are laid out for that. */
#ifndef TINYSEG_CONV2D_MVE_H
#define TINYSEG_CONV2D_MVE_H

#include "tinyseg_requantize.h"

typedef struct {
    /* Of each group two channels after the other (the last beside zeros where their number is odd): of each 16 values
     * those of the first channel, then those of the second. Values in the order of row, piece, tap, channel, filled
     * with zeros up to 16. */
    const int8_t *weight;
    const int32_t *bias; /* minus input_zero_point times the sum of the channel's weights; one more than channels */
    const float *multiplier; /* one more than channels */
    const uint16_t *piece_channels; /* channels of each piece */
    uint16_t pieces;
    uint16_t groups;
    uint16_t blocks; /* vectors of a pixel */
    uint16_t direct; /* a window inside the map lies side by side in the input */
    uint16_t input_width;
    uint16_t output_width;
    uint16_t output_channels;
    uint16_t output_step; /* bytes from an output pixel to the next, at most 21844 */
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t stride;
    uint16_t dilation;
    int16_t pad_left; /* negative: the first tap lies to the right */
    int16_t input_zero_point;
    tinyseg_output output;
} tinyseg_conv2d_mve;

/* One output line from `lines[row * pieces + piece]`; NULL is a padding line. `scratch` has 64 bytes per block; with
 * `direct` and whole vectors it is used for windows that lie in the padding only. */
void tinyseg_conv2d_mve_line(const tinyseg_conv2d_mve *p, const int8_t *const *lines, void *scratch, int8_t *out);

#endif
