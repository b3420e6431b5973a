/* SPDX-License-Identifier: Apache-2.0 */
/* The logistic function and tanh of int16 by the rule of TensorFlow Lite. tanh(x) is 2 * sigmoid(2 * x) - 1. */
#include "tinyseg_squashing_tflite.h"

/* The table at `at` in units of 2^-bits of an entry; `most` beyond its last but one. */
TINYSEG_INLINE int32_t between(const uint16_t *table, uint32_t at, uint32_t bits, int32_t most)
{
    const uint32_t entry = at >> bits;
    const int32_t rest = (int32_t)(at & ((1u << bits) - 1u));
    if (entry >= 255u) {
        return most;
    }
    return (int32_t)((uint32_t)table[entry] << bits) + rest * ((int32_t)table[entry + 1u] - table[entry]);
}

void tinyseg_squashing_tflite_line(
    const tinyseg_squashing_tflite *p, const int16_t *in, int16_t *out, uint32_t elements)
{
    const int32_t half = (int32_t)((1u << p->right) >> 1);
    for (uint32_t i = 0; i < elements; ++i) {
        const int32_t at = (in[i] * p->multiplier + half) >> p->right;
        const uint32_t magnitude = at < 0 ? 0u - (uint32_t)at : (uint32_t)at;
        int32_t result;
        if (p->function == 'l') {
            result = between(p->table, magnitude, 9u, 0x7FFF << 10);
            result = (at >= 0 ? result + (1 << 9) : (1 << 25) - result + (1 << 9) - 1) >> 10;
        } else {
            result = between(p->table, magnitude, 8u, 0xFFFF << 8) - (1 << 23);
            result = (at >= 0 ? result + (1 << 7) : -result + (1 << 7) - 1) >> 8;
        }
        out[i] = (int16_t)result;
    }
}
