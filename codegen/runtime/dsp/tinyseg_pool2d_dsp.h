/* SPDX-License-Identifier: Apache-2.0 */
/* Max pooling of int8 lines for cores with the DSP extension: four channels at a time. */
#ifndef TINYSEG_POOL2D_DSP_H
#define TINYSEG_POOL2D_DSP_H

#include "tinyseg_pool2d.h"

/* As tinyseg_max_pool2d_line. */
void tinyseg_max_pool2d_dsp_line(const tinyseg_pool2d *p, const int8_t *const *lines, int8_t *out);

#endif
