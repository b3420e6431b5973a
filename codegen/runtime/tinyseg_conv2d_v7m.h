/* Convolution of int8 lines for cores that multiply one pair at a time (Armv7-M without the DSP extension).
 *
 * For two output pixels at a time the bytes under the kernel are listed as segments: a row of taps that lies inside the
 * line is one segment, else each tap is. Blocks of four output channels then run over the list once: eight sums in
 * registers, each weight loaded once. Nothing is copied. */
#ifndef TINYSEG_CONV2D_V7M_H
#define TINYSEG_CONV2D_V7M_H

#include "tinyseg_requantize.h"

typedef struct {
    /* Output channels by four (three are four, the last with weights 0), then two, then one: [row][piece][tap][input
     * channel][channel] in each block. */
    const int8_t *weight;
    const int32_t *bias;     /* minus input_zero_point times the sum of the channel's weights; filled up to blocks */
    const float *multiplier; /* filled up to blocks */
    const int8_t *padding;   /* input_zero_point for each channel of the widest piece */
    const uint16_t *piece_channels;
    uint16_t pieces;
    uint16_t input_width;
    uint16_t output_width;
    uint16_t output_channels;
    uint16_t output_step; /* bytes from an output pixel to the next */
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t stride;
    uint16_t dilation;
    int16_t pad_left; /* negative: the first tap lies to the right */
    tinyseg_output output;
} tinyseg_conv2d_v7m;

/* Consecutive channels of two pixels, from `a` and `b`; those of `a` end at `end`, groups of four of them at `fours`. */
typedef struct {
    const int8_t *a;
    const int8_t *b;
    const int8_t *fours;
    const int8_t *end;
} tinyseg_segment_of_two;

/* One output line from `lines[row * pieces + piece]`; NULL is a padding line. `segments`: room for one per row, piece
 * and tap. */
void tinyseg_conv2d_v7m_line(
    const tinyseg_conv2d_v7m *p, const int8_t *const *lines, tinyseg_segment_of_two *segments, int8_t *out);

#endif
