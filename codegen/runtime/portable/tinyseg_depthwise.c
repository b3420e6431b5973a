/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution with int8 weights. */
#define TINYSEG_WEIGHT int8_t
#define TINYSEG_WEIGHT_IS_BYTE
#define TINYSEG_DEPTHWISE_LINE tinyseg_depthwise_line
#include "tinyseg_depthwise_body.h"
