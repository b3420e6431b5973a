/* SPDX-License-Identifier: Apache-2.0 */
/* The codec "mask": a line's smallest value is left out, a bit per byte says where.
 *
 * The first byte of a code is that value. Every eight bytes of the line have a mask, behind it those that differ, in
 * order. After a ReLU the smallest value is the most frequent one. (TinySeg's removal of the most frequent byte, by
 * line.) Twin: tinyseg_tvm/operators/line_codecs.py. */
#ifndef TINYSEG_CODEC_MASK_H
#define TINYSEG_CODEC_MASK_H

#include "tinyseg_spill.h"

extern const tinyseg_codec tinyseg_codec_mask;

#endif
