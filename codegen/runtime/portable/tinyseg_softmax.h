/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax over groups of consecutive int8 values. `out` may be `in`. */
#ifndef TINYSEG_SOFTMAX_H
#define TINYSEG_SOFTMAX_H

#include "tinyseg_requantize.h"

typedef struct {
    const float *exponentials; /* [d]: e^(-d * input scale), 256 entries */
    float output_scale;
    uint32_t groups;
    uint32_t elements; /* of each group */
    tinyseg_output output;
} tinyseg_softmax;

void tinyseg_softmax_line(const tinyseg_softmax *p, const int8_t *in, int8_t *out);

#endif
