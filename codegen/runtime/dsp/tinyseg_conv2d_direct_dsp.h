/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of int8 lines for cores with the DSP extension, without scratch memory.
 *
 * Two output pixels and four channels at a time run over the values where they lie: per segment of the window (values
 * side by side in a line) four values of each pixel are loaded as a word and widened in registers. A list tells where
 * the segments are; padding is read from a constant. Parameters and weights are those of tinyseg_conv2d_dsp.h, of one
 * group. */
#ifndef TINYSEG_CONV2D_DIRECT_DSP_H
#define TINYSEG_CONV2D_DIRECT_DSP_H

#include "tinyseg_conv2d_dsp.h"

/* Values side by side of two pixels. The assembler knows the order of the fields. */
typedef struct {
    const int8_t *x; /* of the first pixel; NULL ends a list */
    int32_t values; /* less 3 */
    int32_t entry; /* where in the loop to begin */
    intptr_t step; /* bytes from there to the second pixel's */
} tinyseg_segment;

/* One output line from `lines[row * pieces + piece]`; NULL is a padding line.
 *
 * `padding` has the zero point as often as a piece has channels, at the most. `segments` has room for one more than
 * the window has segments, and than the kernel is wide. `copies` is NULL where every piece has a multiple of four
 * channels or segments are of one tap; else it holds the windows of two pixels, each filled up to whole words. */
void tinyseg_conv2d_direct_dsp_line(
    const tinyseg_conv2d_dsp *p,
    const int8_t *const *lines,
    const int8_t *padding,
    tinyseg_segment *segments,
    int8_t *copies,
    int8_t *out);

/* The same with weights that are not joined. */
void tinyseg_conv2d_direct_dsp_plain_line(
    const tinyseg_conv2d_dsp *p,
    const int8_t *const *lines,
    const int8_t *padding,
    tinyseg_segment *segments,
    int8_t *copies,
    int8_t *out);

#endif
