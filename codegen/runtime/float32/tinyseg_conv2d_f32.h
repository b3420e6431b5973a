/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of float32 lines, dense or grouped, from one or several input tensors (pieces) that are read as if
 * concatenated along the channels. */
#ifndef TINYSEG_CONV2D_F32_H
#define TINYSEG_CONV2D_F32_H

#include "tinyseg_fma_f32.h"

typedef struct {
    /* Output channels of a group go by four, then singly: [group][block][row][piece][tap][channel][4], then
     * [group][channel - 4 * blocks][row][piece][tap][channel]. Where three are left after the first four, they are a
     * block with the one before them. */
    const float *weight;
    const float *bias;
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
    tinyseg_clamp_f32 clamp;
} tinyseg_conv2d_f32;

/* One output line from `lines[row * pieces + piece]`; NULL is a padding line. */
void tinyseg_conv2d_f32_line(const tinyseg_conv2d_f32 *p, const float *const *lines, float *out);

#endif
