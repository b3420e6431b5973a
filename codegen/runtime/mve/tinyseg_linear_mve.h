/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and differences of int8 lines for cores with the vector extension. */
#ifndef TINYSEG_LINEAR_MVE_H
#define TINYSEG_LINEAR_MVE_H

#include "tinyseg_elementwise.h"

/* As tinyseg_linear_line without ties. */
void tinyseg_linear_mve_line(
    const tinyseg_linear *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t elements);

#endif
