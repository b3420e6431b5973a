/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax over groups of consecutive int16 values. `out` may be `in`. */
#ifndef TINYSEG_SOFTMAX_I16_H
#define TINYSEG_SOFTMAX_I16_H

#include "tinyseg_requantize.h"

typedef struct {
    float input_scale;
    float output_scale;
    uint32_t groups;
    uint32_t elements; /* of each group */
    tinyseg_output output;
} tinyseg_softmax_i16;

void tinyseg_softmax_i16_line(const tinyseg_softmax_i16 *p, const int16_t *in, int16_t *out);

#endif
