/* SPDX-License-Identifier: Apache-2.0 */
/* What a few weights of a fully connected layer have beyond int8, where its sums stay in memory from line to line. */
#ifndef TINYSEG_WIDE_TERMS_H
#define TINYSEG_WIDE_TERMS_H

#include "tinyseg_platform.h"

/* A weight is `beyond` more than that of the kernel of int8 weights. */
typedef struct {
    uint32_t element; /* of the line */
    uint16_t channel;
    int16_t beyond;
} tinyseg_wide_term;

/* Adds to a layer's sums what the terms from `first` to before `end` have of a line. */
void tinyseg_wide_terms_line(
    const tinyseg_wide_term *first, const tinyseg_wide_term *end, const int8_t *line, int32_t *sums);

#endif
