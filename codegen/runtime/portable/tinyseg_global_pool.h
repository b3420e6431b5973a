/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling over all pixels of an int8 map, taken line by line. */
#ifndef TINYSEG_GLOBAL_POOL_H
#define TINYSEG_GLOBAL_POOL_H

#include "tinyseg_requantize.h"

typedef struct {
    tinyseg_multiplier multiplier; /* average only */
    uint32_t width;   /* pixels of a line */
    uint16_t lines;
    uint16_t channels;
    int32_t zero; /* average: input zero point times the pixels of the map */
    tinyseg_output output;
} tinyseg_global_pool;

/* Takes line `index`. `state` holds `channels` sums (average) or maxima between the lines, and may be NULL where
 * there is one line only. The last line writes `out`; before that it may be NULL. */
void tinyseg_global_average_line(
    const tinyseg_global_pool *p, uint32_t index, const tinyseg_value *line, int32_t *state, tinyseg_value *out);
void tinyseg_global_max_line(
    const tinyseg_global_pool *p, uint32_t index, const tinyseg_value *line, tinyseg_value *state, tinyseg_value *out);

#endif
