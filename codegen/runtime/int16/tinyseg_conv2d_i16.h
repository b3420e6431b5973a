/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of int16 lines, dense or grouped, from one or several input tensors (pieces) that are read as if
 * concatenated along the channels. */
#ifndef TINYSEG_CONV2D_I16_H
#define TINYSEG_CONV2D_I16_H

#include "tinyseg_requantize_i16.h"

typedef struct {
    /* Weights (int8_t, or int16_t for the _w16 kernel). Output channels of a group go by four, then singly:
     * [group][block][row][piece][tap][channel][4], then [group][channel - 4 * blocks][row][piece][tap][channel]. */
    const void *weight;
    const void *bias; /* of the type of the sums: minus input_zero_point times the sum of the channel's weights */
    const tinyseg_multiplier *multiplier;
    const uint16_t *piece_channels; /* channels of each piece */
    uint16_t pieces;
    uint16_t groups;
    uint16_t input_width;
    uint16_t output_width;
    uint16_t output_channels;
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t stride;
    uint16_t dilation;
    uint16_t pad_left;
    int16_t input_zero_point;
    tinyseg_output output;
} tinyseg_conv2d_i16;

/* One output line from `lines[row * pieces + piece]`; NULL is a padding line. Sums are int32_t, and of _s64 and _w16
 * int64_t. */
void tinyseg_conv2d_i16_line(const tinyseg_conv2d_i16 *p, const int16_t *const *lines, int16_t *out);
void tinyseg_conv2d_i16_line_s64(const tinyseg_conv2d_i16 *p, const int16_t *const *lines, int16_t *out);
void tinyseg_conv2d_i16_line_w16(const tinyseg_conv2d_i16 *p, const int16_t *const *lines, int16_t *out);

/* For cores with extensions, whose weights have an order of their own where channels go by four (tinyseg_pairs_i16.h,
 * tinyseg_vectors_i16.h): an even number of channels of every piece and group, or a multiple of eight. */
void tinyseg_conv2d_i16_line_pairs(const tinyseg_conv2d_i16 *p, const int16_t *const *lines, int16_t *out);
void tinyseg_conv2d_i16_line_pairs_s64(const tinyseg_conv2d_i16 *p, const int16_t *const *lines, int16_t *out);
void tinyseg_conv2d_i16_line_vectors(const tinyseg_conv2d_i16 *p, const int16_t *const *lines, int16_t *out);
void tinyseg_conv2d_i16_line_vectors_s64(const tinyseg_conv2d_i16 *p, const int16_t *const *lines, int16_t *out);

#endif
