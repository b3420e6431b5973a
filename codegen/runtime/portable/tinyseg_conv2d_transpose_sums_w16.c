/* SPDX-License-Identifier: Apache-2.0 */
/* Transposed convolution with int16 weights (asymmetric weights whose zero point was subtracted), whose sums go
 * on in float32. */
#define TINYSEG_WEIGHT int16_t
#define TINYSEG_SUMS
#define TINYSEG_CONV2D_TRANSPOSE_LINE tinyseg_conv2d_transpose_line_sums_w16
#include "tinyseg_conv2d_transpose_body.h"
