/* SPDX-License-Identifier: Apache-2.0 */
/* Largest and least values, sums, means, products and variances of float32, in the order of the elements. */
#include "tinyseg_reduce_f32.h"

#include <math.h>

TINYSEG_INLINE float rounded(float value)
{
    TINYSEG_ROUNDED(value);
    return value;
}

/* `function`: '>', '<', '+' or '*', the same in every call of it. */
TINYSEG_INLINE void reduce(
    const tinyseg_reduce_f32 *p, uint32_t index, const float *line, float *state, float *out, char function)
{
    const tinyseg_span *span = &p->span;
    const float first = function == '>' ? -INFINITY : function == '<' ? INFINITY : function == '*' ? 1.0f : 0.0f;
    for (uint32_t result = 0; result < span->results; ++result) {
        float value = index != 0u ? state[result] : first;
        TINYSEG_EACH_REDUCED(span, result, at)
        {
            const float x = line[at];
            if (function == '+') {
                value += x;
            } else if (function == '*') {
                value = rounded(value * x);
            } else if (function == '>' ? x > value : x < value) {
                value = x;
            }
        }
        if (index + 1u != span->lines) {
            state[result] = value;
            continue;
        }
        if (function == '+') {
            value /= p->divisor;
        }
        for (uint32_t i = 0; i < span->repeats; ++i) {
            out[result * span->repeats + i] = value;
        }
    }
}

void tinyseg_reduce_max_f32_line(
    const tinyseg_reduce_f32 *p, uint32_t index, const float *line, float *state, float *out)
{
    reduce(p, index, line, state, out, '>');
}

void tinyseg_reduce_min_f32_line(
    const tinyseg_reduce_f32 *p, uint32_t index, const float *line, float *state, float *out)
{
    reduce(p, index, line, state, out, '<');
}

void tinyseg_reduce_sum_f32_line(
    const tinyseg_reduce_f32 *p, uint32_t index, const float *line, float *state, float *out)
{
    reduce(p, index, line, state, out, '+');
}

void tinyseg_reduce_product_f32_line(
    const tinyseg_reduce_f32 *p, uint32_t index, const float *line, float *state, float *out)
{
    reduce(p, index, line, state, out, '*');
}

void tinyseg_reduce_variance_f32_line(
    const tinyseg_reduce_f32 *p, uint32_t index, const float *line, float *state, float *out)
{
    const tinyseg_span *span = &p->span;
    for (uint32_t result = 0; result < span->results; ++result) {
        float mean = index != 0u ? state[2u * result] : 0.0f;
        float squares = index != 0u ? state[2u * result + 1u] : 0.0f;
        uint32_t count = index * span->rows * span->columns;
        TINYSEG_EACH_REDUCED(span, result, at)
        {
            const float apart = line[at] - mean;
            ++count;
            mean += rounded(apart * (1.0f / (float)count));
            squares += rounded(apart * (line[at] - mean));
        }
        if (index + 1u != span->lines) {
            state[2u * result] = mean;
            state[2u * result + 1u] = squares;
            continue;
        }
        squares /= p->divisor;
        for (uint32_t i = 0; i < span->repeats; ++i) {
            out[result * span->repeats + i] = squares;
        }
    }
}
