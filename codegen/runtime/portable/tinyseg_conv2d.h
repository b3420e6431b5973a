/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of int8 lines, dense or grouped, from one or several input tensors (pieces) that are read as if
 * concatenated along the channels. */
#ifndef TINYSEG_CONV2D_H
#define TINYSEG_CONV2D_H

#include "tinyseg_results.h"

typedef struct {
    /* Weights (int8_t, or int16_t for the _w16 kernel). Output channels of a group go by four, then singly:
     * [group][block][row][piece][tap][channel][4], then [group][channel - 4 * blocks][row][piece][tap][channel]. */
    const void *weight;
    const int32_t *bias; /* minus input_zero_point times the sum of the channel's weights */
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
} tinyseg_conv2d;

/* One output line from `lines[row * pieces + piece]`; NULL is a padding line. */
void tinyseg_conv2d_line(const tinyseg_conv2d *p, const tinyseg_value *const *lines, tinyseg_value *out);
void tinyseg_conv2d_line_w16(const tinyseg_conv2d *p, const tinyseg_value *const *lines, tinyseg_value *out);

/* The same of sums that go on in float32: those of one or two pixels lie in `sums` when `finish` makes results of them. */
void tinyseg_conv2d_line_sums(
    const tinyseg_conv2d *p, const tinyseg_value *const *lines, tinyseg_finish *finish, float *sums, void *out);
void tinyseg_conv2d_line_sums_w16(
    const tinyseg_conv2d *p, const tinyseg_value *const *lines, tinyseg_finish *finish, float *sums, void *out);

#endif
