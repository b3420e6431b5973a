/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of int16 with int8 weights and sums of 32 bits, for cores with the DSP extension. */
#define TINYSEG_WEIGHT int8_t
#define TINYSEG_SUM int32_t
#define TINYSEG_SUM_BITS 32
#define TINYSEG_CONV2D_I16_LINE tinyseg_conv2d_i16_line_pairs
#include "tinyseg_pairs_i16.h"
#include "tinyseg_conv2d_i16_body.h"
