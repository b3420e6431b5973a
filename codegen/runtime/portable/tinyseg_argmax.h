/* SPDX-License-Identifier: Apache-2.0 */
/* Index of the largest of each group of consecutive values. */
#ifndef TINYSEG_ARGMAX_H
#define TINYSEG_ARGMAX_H

#include "tinyseg_platform.h"

typedef struct {
    uint32_t groups;
    uint32_t elements;   /* of each group */
    uint8_t index_bytes; /* of a result: 1, 4 or 8, little endian */
    uint8_t last;        /* of equal values the last wins, not the first */
} tinyseg_argmax;

void tinyseg_argmax_line_int8(const tinyseg_argmax *p, const int8_t *in, uint8_t *out);
void tinyseg_argmax_line_uint8(const tinyseg_argmax *p, const uint8_t *in, uint8_t *out);
void tinyseg_argmax_line_int32(const tinyseg_argmax *p, const int32_t *in, uint8_t *out);
void tinyseg_argmax_line_float32(const tinyseg_argmax *p, const float *in, uint8_t *out);

#endif
