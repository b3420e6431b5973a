/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution of int16 with int16 weights and sums of 64 bits. */
#define TINYSEG_WEIGHT int16_t
#define TINYSEG_SUM int64_t
#define TINYSEG_DEPTHWISE_I16_LINE tinyseg_depthwise_i16_line_w16
#include "tinyseg_depthwise_i16_body.h"
