/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer with int16 weights (asymmetric weights whose zero point was subtracted), whose sums go on in float32. */
#define TINYSEG_WEIGHT int16_t
#define TINYSEG_SUMS
#define TINYSEG_DENSE_LINE tinyseg_dense_line_sums_w16
#include "tinyseg_dense_body.h"
