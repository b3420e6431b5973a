/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer with int8 weights, whose sums go on in float32. */
#define TINYSEG_WEIGHT int8_t
#define TINYSEG_SUMS
#define TINYSEG_DENSE_LINE tinyseg_dense_line_sums
#include "tinyseg_dense_body.h"
