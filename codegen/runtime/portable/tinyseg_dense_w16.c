/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer with int16 weights (asymmetric weights whose zero point was subtracted). */
#define TINYSEG_WEIGHT int16_t
#define TINYSEG_DENSE_LINE tinyseg_dense_line_w16
#include "tinyseg_dense_body.h"
