/* SPDX-License-Identifier: Apache-2.0 */
/* Sums, means, products and variances of int8 values: exact in integers, then float32. */
#include "tinyseg_reduction.h"

TINYSEG_INLINE void write_value(const tinyseg_span *span, uint32_t result, float value, float *out)
{
    for (uint32_t i = 0; i < span->repeats; ++i) {
        out[result * span->repeats + i] = value;
    }
}

void tinyseg_reduction_sum_line(
    const tinyseg_reduction *p, uint32_t index, const int8_t *line, int32_t *state, float *out)
{
    const tinyseg_span *span = &p->span;
    for (uint32_t result = 0; result < span->results; ++result) {
        int32_t sum = index != 0u ? state[result] : 0;
        TINYSEG_EACH_REDUCED(span, result, at)
        {
            sum += line[at] - p->zero_point;
        }
        if (index + 1u == span->lines) {
            write_value(span, result, (float)sum / p->divisor * p->scale, out);
        } else {
            state[result] = sum;
        }
    }
}

void tinyseg_reduction_product_line(
    const tinyseg_reduction *p, uint32_t index, const int8_t *line, float *state, float *out)
{
    const tinyseg_span *span = &p->span;
    for (uint32_t result = 0; result < span->results; ++result) {
        float product = index != 0u ? state[result] : 1.0f;
        TINYSEG_EACH_REDUCED(span, result, at)
        {
            float value = (float)(line[at] - p->zero_point) * p->scale;
            TINYSEG_ROUNDED(value);
            product *= value;
        }
        if (index + 1u == span->lines) {
            write_value(span, result, product, out);
        } else {
            state[result] = product;
        }
    }
}

void tinyseg_reduction_variance_line(
    const tinyseg_reduction *p, uint32_t index, const int8_t *line, tinyseg_moments *state, float *out)
{
    const tinyseg_span *span = &p->span;
    for (uint32_t result = 0; result < span->results; ++result) {
        int32_t sum = index != 0u ? state[result].sum : 0;
        uint64_t squares = index != 0u ? (uint64_t)state[result].high << 32 | state[result].low : 0u;
        TINYSEG_EACH_REDUCED(span, result, at)
        {
            const int32_t value = line[at] - p->zero_point;
            sum += value;
            squares += (uint32_t)(value * value);
        }
        if (index + 1u == span->lines) {
            const int64_t spread = (int64_t)(p->count * squares) - (int64_t)sum * sum;
            write_value(span, result, (float)spread / p->divisor / p->divisor * p->scale * p->scale, out);
        } else {
            state[result].sum = sum;
            state[result].low = (uint32_t)squares;
            state[result].high = (uint32_t)(squares >> 32);
        }
    }
}
