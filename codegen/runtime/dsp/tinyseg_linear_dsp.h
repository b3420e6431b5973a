/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and differences of int8 lines for cores with the DSP extension, four elements at a time. */
#ifndef TINYSEG_LINEAR_DSP_H
#define TINYSEG_LINEAR_DSP_H

#include "tinyseg_elementwise.h"

/* As tinyseg_linear_line without ties, for shifts from 18 to 24. */
void tinyseg_linear_dsp_line(
    const tinyseg_linear *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t elements);

#endif
