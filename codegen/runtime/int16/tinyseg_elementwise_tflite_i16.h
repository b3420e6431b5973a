/* SPDX-License-Identifier: Apache-2.0 */
/* Binary arithmetic on int16 lines by the rule of TensorFlow Lite. `out` may be `a`, or `b` where b is as long as a. */
#ifndef TINYSEG_ELEMENTWISE_TFLITE_I16_H
#define TINYSEG_ELEMENTWISE_TFLITE_I16_H

#include "tinyseg_elementwise_tflite.h"

/* Functions are those of int8 but '2', 'p' and 'q'. Sums and differences without a left shift have scales that are powers of
 * two: the operands' multipliers are then numbers of bits by which they are shifted to the right. */
void tinyseg_elementwise_tflite_i16_line(
    const tinyseg_elementwise_tflite *p, const int16_t *a, const int16_t *b, int16_t *out, uint32_t elements);

#endif
