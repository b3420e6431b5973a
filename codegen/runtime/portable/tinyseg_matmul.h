/* SPDX-License-Identifier: Apache-2.0 */
/* Products of matrices of two activations, for a line of the result. */
#ifndef TINYSEG_MATMUL_H
#define TINYSEG_MATMUL_H

#include "tinyseg_matrices.h"
#include "tinyseg_requantize.h"

typedef struct {
    tinyseg_matmul_shape shape;
    int16_t lhs_zero_point;
    int16_t rhs_zero_point;
    tinyseg_multiplier multiplier;
    tinyseg_output output;
} tinyseg_matmul;

/* `lhs` and `rhs` are where the line's first matrices begin. */
void tinyseg_matmul_line(
    const tinyseg_matmul *p, const tinyseg_value *lhs, const tinyseg_value *rhs, tinyseg_value *out);

#endif
