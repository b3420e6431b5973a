/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer with int8 weights. */
#define TINYSEG_WEIGHT int8_t
#define TINYSEG_DENSE_LINE tinyseg_dense_line
#include "tinyseg_dense_body.h"
