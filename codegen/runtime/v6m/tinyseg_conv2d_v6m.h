/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of int8 lines for cores whose multiplier gives 32 bits and that have eight registers to compute with
 * (Armv6-M).
 *
 * Two output pixels are computed by one multiplication: X = a + 2^16 * b for values a and b of the two. The sum of two
 * products, w0 * X0 + w1 * X1 + 2^15, has the first pixel's sum in its lower half and the second's in the upper one,
 * provided that neither leaves 16 bits: two weights of a pair are not both -128. Weights come as 128 + w, so that a
 * pair is one halfword p = u0 + 256 * u1, and
 *
 *   p * X0 + (p >> 8) * (X1 - 256 * X0) = u0 * X0 + u1 * X1   (modulo 2^32)
 *
 * needs no byte extended. A table of three words per pair, 2^15 - 128 * (X0 + X1), X0, X1 - 256 * X0, serves all output
 * channels. */
#ifndef TINYSEG_CONV2D_V6M_H
#define TINYSEG_CONV2D_V6M_H

#include "tinyseg_requantize.h"

typedef struct {
    /* 128 + weight, of two output channels at a time (the last one with weights 0): [row, piece, tap and input channel
     * as one index, in pairs][channel of two][of the pair]. */
    const uint8_t *weight;
    const int32_t *bias;     /* minus input_zero_point times the sum of the channel's weights */
    const tinyseg_multiplier *multiplier;
    const uint16_t *piece_channels;
    uint16_t pieces;
    uint16_t pairs; /* of values under the kernel, the last one filled up with weight 0 */
    uint16_t input_width;
    uint16_t output_width;
    uint16_t output_channels;
    uint16_t output_step; /* bytes from an output pixel to the next */
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t stride;
    uint16_t dilation;
    int16_t pad_left; /* negative: the first tap lies to the right */
    int16_t input_zero_point;
    tinyseg_output output;
} tinyseg_conv2d_v6m;

/* One output line from `lines[row * pieces + piece]`; NULL is a padding line. `table` (aligned to 4): 12 bytes per
 * pair. */
void tinyseg_conv2d_v6m_line(const tinyseg_conv2d_v6m *p, const int8_t *const *lines, void *table, int8_t *out);

#endif
