/* SPDX-License-Identifier: Apache-2.0 */
/* Index of the largest of each group of consecutive int16 values. */
#ifndef TINYSEG_ARGMAX_I16_H
#define TINYSEG_ARGMAX_I16_H

#include "tinyseg_argmax.h"

void tinyseg_argmax_line_int16(const tinyseg_argmax *p, const int16_t *in, uint8_t *out);

#endif
