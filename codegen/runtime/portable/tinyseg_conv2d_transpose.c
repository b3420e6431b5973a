/* SPDX-License-Identifier: Apache-2.0 */
/* Transposed convolution with int8 weights. */
#define TINYSEG_WEIGHT int8_t
#define TINYSEG_CONV2D_TRANSPOSE_LINE tinyseg_conv2d_transpose_line
#include "tinyseg_conv2d_transpose_body.h"
