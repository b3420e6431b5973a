/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution for cores with the DSP extension, with weights that cannot be joined. */
#define TINYSEG_JOINED 0
#define TINYSEG_CONV2D_DSP_LINE tinyseg_conv2d_dsp_plain_line
#include "tinyseg_conv2d_dsp_body.h"
