/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution with int16 weights (asymmetric weights whose zero point was subtracted). */
#define TINYSEG_WEIGHT int16_t
#define TINYSEG_DEPTHWISE_LINE tinyseg_depthwise_line_w16
#include "tinyseg_depthwise_body.h"
