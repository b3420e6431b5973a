/* SPDX-License-Identifier: Apache-2.0 */
/* Products of int8 lines for cores with the DSP extension, four elements at a time. */
#ifndef TINYSEG_PRODUCT_DSP_H
#define TINYSEG_PRODUCT_DSP_H

#include "tinyseg_elementwise.h"

/* As tinyseg_product_line. */
void tinyseg_product_dsp_line(
    const tinyseg_narrow_product *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t elements);

#endif
