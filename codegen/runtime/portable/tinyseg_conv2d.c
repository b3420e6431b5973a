/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution with int8 weights. */
#define TINYSEG_WEIGHT int8_t
#define TINYSEG_CONV2D_LINE tinyseg_conv2d_line
#include "tinyseg_conv2d_body.h"
