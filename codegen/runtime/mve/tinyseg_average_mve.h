/* SPDX-License-Identifier: Apache-2.0 */
/* Averages of int8 lines for cores with the vector extension: sums of eight channels at a time, in 16 bits. */
#ifndef TINYSEG_AVERAGE_MVE_H
#define TINYSEG_AVERAGE_MVE_H

#include "tinyseg_global_pool.h"
#include "tinyseg_pool2d.h"

/* As tinyseg_average_pool2d_line, for windows of at most 255 pixels. */
void tinyseg_average_pool2d_mve_line(const tinyseg_pool2d *p, const int8_t *const *lines, int8_t *out);

/* As tinyseg_global_average_line. */
void tinyseg_global_average_mve_line(
    const tinyseg_global_pool *p, uint32_t index, const int8_t *line, int32_t *state, int8_t *out);

#endif
