/* SPDX-License-Identifier: Apache-2.0 */
/* Largest and least values, sums and averages over any axes. */
#ifndef TINYSEG_REDUCE_H
#define TINYSEG_REDUCE_H

#include "tinyseg_requantize.h"
#include "tinyseg_span.h"

typedef struct {
    tinyseg_span span;
    tinyseg_multiplier multiplier; /* of a sum; 0 for the others */
    int32_t zero;                  /* input zero point times the values of a sum */
    tinyseg_output output;
} tinyseg_reduce;

/* Take line `index` of those that are reduced one after the other. `state` holds a value or sum for each result between
 * them, and may be NULL where there is one line only. The last line writes `out`; before that it may be NULL. */
void tinyseg_reduce_max_line(
    const tinyseg_reduce *p, uint32_t index, const tinyseg_value *line, tinyseg_value *state, tinyseg_value *out);
void tinyseg_reduce_min_line(
    const tinyseg_reduce *p, uint32_t index, const tinyseg_value *line, tinyseg_value *state, tinyseg_value *out);
void tinyseg_reduce_sum_line(
    const tinyseg_reduce *p, uint32_t index, const tinyseg_value *line, int32_t *state, tinyseg_value *out);

#endif
