/* SPDX-License-Identifier: Apache-2.0 */
/* Largest and least values, sums, means, products and variances of float32 over any axes. */
#ifndef TINYSEG_REDUCE_F32_H
#define TINYSEG_REDUCE_F32_H

#include "tinyseg_span.h"

typedef struct {
    tinyseg_span span;
    float divisor; /* the values that become one for a mean or variance, else 1 */
} tinyseg_reduce_f32;

/* Take line `index` of those that are reduced one after the other. `state` holds a number for each result between them,
 * two for a variance, and may be NULL where there is one line only. The last line writes `out`. */
void tinyseg_reduce_max_f32_line(
    const tinyseg_reduce_f32 *p, uint32_t index, const float *line, float *state, float *out);
void tinyseg_reduce_min_f32_line(
    const tinyseg_reduce_f32 *p, uint32_t index, const float *line, float *state, float *out);
void tinyseg_reduce_sum_f32_line(
    const tinyseg_reduce_f32 *p, uint32_t index, const float *line, float *state, float *out);
void tinyseg_reduce_product_f32_line(
    const tinyseg_reduce_f32 *p, uint32_t index, const float *line, float *state, float *out);
void tinyseg_reduce_variance_f32_line(
    const tinyseg_reduce_f32 *p, uint32_t index, const float *line, float *state, float *out);

#endif
