/* SPDX-License-Identifier: Apache-2.0 */
/* Averages of int8 lines for cores with the DSP extension: sums of four channels at a time, in halves of words. */
#ifndef TINYSEG_AVERAGE_DSP_H
#define TINYSEG_AVERAGE_DSP_H

#include "tinyseg_global_pool.h"
#include "tinyseg_pool2d.h"

/* As tinyseg_average_pool2d_line, for windows of at most 255 pixels of at least four channels. */
void tinyseg_average_pool2d_dsp_line(const tinyseg_pool2d *p, const int8_t *const *lines, int8_t *out);

/* As tinyseg_global_average_line, for at least four channels. */
void tinyseg_global_average_dsp_line(
    const tinyseg_global_pool *p, uint32_t index, const int8_t *line, int32_t *state, int8_t *out);

#endif
