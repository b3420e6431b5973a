/* SPDX-License-Identifier: Apache-2.0 */
/* Binary arithmetic and clamps of float32 lines. */
#ifndef TINYSEG_ELEMENTWISE_F32_H
#define TINYSEG_ELEMENTWISE_F32_H

#include "tinyseg_fma_f32.h"

typedef struct {
    uint32_t period; /* elements after which `b` starts again; 1 for a single number */
    uint8_t function; /* '+' '-' '*' '/' '<' '>' (minimum, maximum); operands exchanged: 'r' for '-', 'd' '/', 'm' '<', 'M' '>' */
    tinyseg_clamp_f32 clamp;
} tinyseg_elementwise_f32;

/* `out` may be `a` or `b`. */
void tinyseg_elementwise_f32_line(
    const tinyseg_elementwise_f32 *p, const float *a, const float *b, float *out, uint32_t elements);

/* `out` may be `in`. */
void tinyseg_clip_f32_line(const tinyseg_clamp_f32 *p, const float *in, float *out, uint32_t elements);

#endif
