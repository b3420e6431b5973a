/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax of float32 lines. */
#ifndef TINYSEG_SOFTMAX_F32_H
#define TINYSEG_SOFTMAX_F32_H

#include "tinyseg_fma_f32.h"

/* Softmax of `groups` vectors of `elements` numbers. `out` may be `in`. */
void tinyseg_softmax_f32_line(uint32_t groups, uint32_t elements, const float *in, float *out);

#endif
