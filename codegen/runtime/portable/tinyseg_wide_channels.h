/* SPDX-License-Identifier: Apache-2.0 */
/* Output channels of weighted sums with weights beyond int8, of which there are few where weights had a zero point.
 *
 * A kernel of int8 weights has computed the line, with zeros for the weights of these channels; their results are
 * computed here by themselves, and written over those. */
#ifndef TINYSEG_WIDE_CHANNELS_H
#define TINYSEG_WIDE_CHANNELS_H

#include "tinyseg_requantize.h"

typedef struct {
    /* [channel][row][piece][tap][value]. The values that a channel reads of all taps are one run where they lie side by
     * side (`joined`), else those of each tap. */
    const int16_t *weight;
    const int32_t *bias;   /* minus input_zero_point times the sum of the channel's weights */
    const tinyseg_multiplier *multiplier;
    const uint16_t *channels; /* of each: its place in an output pixel, and that of the first value that it reads */
    const uint16_t *pieces;   /* of each: values of a pixel, and how many of them a channel reads */
    uint16_t channel_count;
    uint16_t piece_count;
    uint16_t joined;
    uint16_t input_width;
    uint16_t output_width;
    uint16_t output_step; /* values from an output pixel to the next one */
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t stride;
    uint16_t dilation;
    int16_t pad_left; /* negative where the first window begins inside */
    int16_t input_zero_point;
    tinyseg_output output;
} tinyseg_wide_channels;

/* The channels' results of one output line from `lines[row * pieces + piece]`; NULL is a padding line. */
void tinyseg_wide_channels_line(const tinyseg_wide_channels *p, const int8_t *const *lines, int8_t *out);

/* The same for the DSP extension. Of every four weights of a run, the first and the third stand before the second and the
 * fourth. */
void tinyseg_wide_channels_line_pairs(const tinyseg_wide_channels *p, const int8_t *const *lines, int8_t *out);

/* The same for the vector extension. */
void tinyseg_wide_channels_line_vectors(const tinyseg_wide_channels *p, const int8_t *const *lines, int8_t *out);

#endif
