/* SPDX-License-Identifier: Apache-2.0 */
/* Lays the columns of several lines side by side: a pixel's values of all lines follow each other. */
#ifndef TINYSEG_COLUMNS_MVE_H
#define TINYSEG_COLUMNS_MVE_H

#include <stdint.h>

typedef struct {
    const uint16_t *places; /* of the values of 8 * ceil(8 / channels) columns, for each piece */
    const uint16_t *channels; /* of each piece */
    uint16_t pieces;
    uint16_t rows;
    uint16_t total; /* values of a column */
    uint16_t width; /* columns of a line */
    uint16_t before; /* columns of padding */
    uint16_t after;
    int8_t zero_point;
} tinyseg_columns_mve;

/* `lines[row][piece]` (NULL is a padding line) to `to`, which holds (before + width + after) * total values. */
void tinyseg_columns_mve_lay_out(const tinyseg_columns_mve *p, const int8_t *const *lines, int8_t *to);

#endif
