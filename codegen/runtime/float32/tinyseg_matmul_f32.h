/* SPDX-License-Identifier: Apache-2.0 */
/* Products of matrices of two activations in float32, for a line of the result. */
#ifndef TINYSEG_MATMUL_F32_H
#define TINYSEG_MATMUL_F32_H

#include "tinyseg_fma_f32.h"
#include "tinyseg_matrices.h"

typedef struct {
    tinyseg_matmul_shape shape;
    tinyseg_clamp_f32 clamp;
} tinyseg_matmul_f32;

/* `lhs` and `rhs` are where the line's first matrices begin. */
void tinyseg_matmul_f32_line(const tinyseg_matmul_f32 *p, const float *lhs, const float *rhs, float *out);

#endif
