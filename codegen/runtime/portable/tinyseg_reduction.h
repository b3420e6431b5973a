/* SPDX-License-Identifier: Apache-2.0 */
/* Sums, means, products and variances of int8 values over any axes, as float32. */
#ifndef TINYSEG_REDUCTION_H
#define TINYSEG_REDUCTION_H

#include "tinyseg_span.h"

typedef struct {
    tinyseg_span span;
    uint32_t count; /* values that become one */
    float divisor;  /* `count` for a mean, else 1 */
    float scale;
    int16_t zero_point;
} tinyseg_reduction;

typedef struct {
    int32_t sum;
    uint32_t low; /* of the sum of squares: states are aligned to words of 32 bits */
    uint32_t high;
} tinyseg_moments;

/* Take line `index` of those that are reduced one after the other, as tinyseg_reduce.h says. */
void tinyseg_reduction_sum_line(
    const tinyseg_reduction *p, uint32_t index, const int8_t *line, int32_t *state, float *out);
void tinyseg_reduction_product_line(
    const tinyseg_reduction *p, uint32_t index, const int8_t *line, float *state, float *out);
void tinyseg_reduction_variance_line(
    const tinyseg_reduction *p, uint32_t index, const int8_t *line, tinyseg_moments *state, float *out);

#endif
