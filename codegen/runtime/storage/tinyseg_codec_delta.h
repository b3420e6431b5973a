/* SPDX-License-Identifier: Apache-2.0 */
/* The codec "delta": differences to the pixel before, packed in as few bits as each block of eight needs.
 *
 * A byte is predicted by the byte `pitch` before it (the same channel of the pixel before), in the first pixel by its
 * neighbour. The difference modulo 256, folded to 0, -1, 1, -2, ... = 0, 1, 2, 3, ..., is small where the map is smooth
 * or, after a ReLU, empty. Two blocks of eight have a header byte of two widths (0 to 8 bits), behind it as many bytes
 * as the widths say. Twin: tinyseg_tvm/operators/line_codecs.py. */
#ifndef TINYSEG_CODEC_DELTA_H
#define TINYSEG_CODEC_DELTA_H

#include "tinyseg_spill.h"

extern const tinyseg_codec tinyseg_codec_delta;

#endif
