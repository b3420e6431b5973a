/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of int8 lines for cores with the DSP extension (dual 16 bit multiplication).
 *
 * For two output pixels at a time the values under the kernel are widened to 16 bits and laid out in the scratch
 * memory as words of two values, a word of the first pixel before the same of the second. Blocks of four output
 * channels then run over them once: eight sums in registers, each weight loaded once. */
#ifndef TINYSEG_CONV2D_DSP_H
#define TINYSEG_CONV2D_DSP_H

#include "tinyseg_requantize.h"

typedef struct {
    /* Of each group the channels by four (three are four, the last with weights 0), then two, then one. Words of four
     * bytes: (lower value, upper value) of a pair for a channel in bytes 0 and 2, for the next channel in bytes 1 and
     * 3, both joined where the kernel wants that (tinyseg_joined.h); for a single channel its next pair there, never
     * joined. [pair][word] in each block. */
    const uint32_t *weight;
    const int32_t *bias; /* minus input_zero_point times the sum of the channel's weights; one more than channels */
    const tinyseg_multiplier *multiplier; /* one more than channels */
    const uint16_t *piece_channels; /* channels of each piece */
    uint16_t pieces;
    uint16_t groups;
    uint16_t pairs; /* words of a pixel in the scratch memory */
    uint16_t input_width;
    uint16_t output_width;
    uint16_t output_channels;
    uint16_t output_step; /* bytes from an output pixel to the next */
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t segment_taps; /* taps of a row whose values lie side by side: kernel_width or 1 */
    uint16_t stride;
    uint16_t dilation;
    int16_t pad_left; /* negative: the first tap lies to the right */
    int16_t input_zero_point;
    tinyseg_output output;
} tinyseg_conv2d_dsp;

/* One output line from `lines[row * pieces + piece]`; NULL is a padding line. `scratch` (aligned to 4) has 8 bytes per
 * pair, and where there is padding two segments more. */
void tinyseg_conv2d_dsp_line(const tinyseg_conv2d_dsp *p, const int8_t *const *lines, void *scratch, int8_t *out);

/* The same with weights that are not joined. */
void tinyseg_conv2d_dsp_plain_line(
    const tinyseg_conv2d_dsp *p, const int8_t *const *lines, void *scratch, int8_t *out);

#endif
