/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution for cores with the DSP extension, with joined weights. */
#define TINYSEG_JOINED 1
#define TINYSEG_CONV2D_DSP_LINE tinyseg_conv2d_dsp_line
#include "tinyseg_conv2d_dsp_body.h"
