/* SPDX-License-Identifier: Apache-2.0 */
/* Products of matrices of two activations of int16, for a line of the result. */
#ifndef TINYSEG_MATMUL_I16_H
#define TINYSEG_MATMUL_I16_H

#include "tinyseg_matrices.h"
#include "tinyseg_requantize_i16.h"

typedef struct {
    tinyseg_matmul_shape shape;
    int16_t lhs_zero_point;
    int16_t rhs_zero_point;
    tinyseg_multiplier multiplier;
    tinyseg_output output;
} tinyseg_matmul_i16;

/* `lhs` and `rhs` are where the line's first matrices begin. */
void tinyseg_matmul_i16_line(const tinyseg_matmul_i16 *p, const int16_t *lhs, const int16_t *rhs, int16_t *out);

#endif
