/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layers of int16 with int8 weights and sums of 64 bits, for cores with the vector extension. */
#define TINYSEG_WEIGHT int8_t
#define TINYSEG_SUM int64_t
#define TINYSEG_SUM_BITS 64
#define TINYSEG_DENSE_I16_LINE tinyseg_dense_i16_line_vectors_s64
#include "tinyseg_vectors_i16.h"
#include "tinyseg_dense_i16_body.h"
