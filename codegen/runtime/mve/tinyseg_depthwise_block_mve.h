/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution of int8 lines for cores with the vector extension: a block of sixteen channels at a time.
 *
 * Products of two taps add up in 16 bits, which is as wide as they get: their sum passes to 32 bits. */
#ifndef TINYSEG_DEPTHWISE_BLOCK_MVE_H
#define TINYSEG_DEPTHWISE_BLOCK_MVE_H

#include "tinyseg_requantize.h"

typedef struct {
    /* [block of 16 channels][tap][16]. The last block of more than 16 channels begins 16 before the end; one of less
     * than 16 channels is filled up with zeros. No channel has weights of -128 at both taps 2n and 2n + 1. */
    const int8_t *weight;
    /* [block][16]: of the block's channels 0 4 8 12, 2 6 10 14, 1 5 9 13, 3 7 11 15. Bias minus input_zero_point times
     * the sum of the channel's weights. */
    const int32_t *bias;
    const float *multiplier; /* likewise */
    uint16_t channels;
    uint16_t taps; /* of the weights */
    uint16_t spread; /* the kernel's taps have a tap of weights 0 after each */
    uint16_t input_width;
    uint16_t output_width;
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t stride;
    uint16_t dilation;
    int16_t pad_left;
    int16_t input_zero_point;
    tinyseg_output output;
} tinyseg_depthwise_block_mve;

/* One output line from `kernel_height` lines; NULL is a padding line. `scratch` (aligned to 4) has 8 bytes per tap of
 * the weights, these rounded up to four, and 16 more. */
void tinyseg_depthwise_block_mve_line(
    const tinyseg_depthwise_block_mve *p, const int8_t *const *lines, void *scratch, int8_t *out);

#endif
