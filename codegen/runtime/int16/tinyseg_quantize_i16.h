/* SPDX-License-Identifier: Apache-2.0 */
/* Between float32 and int16 or uint16 lines. */
#ifndef TINYSEG_QUANTIZE_I16_H
#define TINYSEG_QUANTIZE_I16_H

#include "tinyseg_quantize.h"

typedef struct {
    float scale;
    int32_t zero_point;
    int32_t minimum; /* -32768 for int16, 0 for uint16 */
} tinyseg_quantization_i16;

/* `out` may be `in`: an element is read before one is written at or before it. */
void tinyseg_quantize_i16_line(const tinyseg_quantization_i16 *p, const float *in, uint16_t *out, uint32_t elements);

/* Works from the last element to the first, so that `in` may be the first bytes of `out`. */
void tinyseg_dequantize_i16_line(const tinyseg_quantization_i16 *p, const uint16_t *in, float *out, uint32_t elements);

#endif
