/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution for cores with the DSP extension, without scratch memory, with joined weights. */
#define TINYSEG_JOINED 1
#define TINYSEG_CONV2D_DIRECT_DSP_LINE tinyseg_conv2d_direct_dsp_line
#include "tinyseg_conv2d_direct_dsp_body.h"
