/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution with int8 weights, whose sums go on in float32. */
#define TINYSEG_WEIGHT int8_t
#define TINYSEG_SUMS
#define TINYSEG_CONV2D_LINE tinyseg_conv2d_line_sums
#include "tinyseg_conv2d_body.h"
