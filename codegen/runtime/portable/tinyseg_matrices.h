/* SPDX-License-Identifier: Apache-2.0 */
/* Where the matrices of a product lie. */
#ifndef TINYSEG_MATRICES_H
#define TINYSEG_MATRICES_H

#include "tinyseg_platform.h"

/* What a line has of matrices, and how far apart they lie: elements from one matrix to the next (`batch`), and from one
 * row to the next. Columns lie side by side. */
typedef struct {
    uint16_t batches;
    uint16_t rows;
    uint32_t inner; /* products of a sum */
    uint32_t columns;
    uint32_t lhs_batch;
    uint32_t lhs_row;
    uint32_t rhs_batch;
    uint32_t rhs_row;
    uint32_t out_batch;
    uint32_t out_row;
    uint8_t transposed; /* the right matrix has a row for each column of the result */
} tinyseg_matmul_shape;

#endif
