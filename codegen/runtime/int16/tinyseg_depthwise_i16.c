/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution of int16 with int8 weights and sums of 32 bits. */
#define TINYSEG_WEIGHT int8_t
#define TINYSEG_SUM int32_t
#define TINYSEG_DEPTHWISE_I16_LINE tinyseg_depthwise_i16_line
#include "tinyseg_depthwise_i16_body.h"
