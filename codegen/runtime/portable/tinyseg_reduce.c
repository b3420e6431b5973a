/* SPDX-License-Identifier: Apache-2.0 */
/* Largest and least values, sums and averages over any axes. */
#include "tinyseg_reduce.h"

TINYSEG_INLINE void write_value(const tinyseg_span *span, uint32_t result, tinyseg_value value, tinyseg_value *out)
{
    for (uint32_t i = 0; i < span->repeats; ++i) {
        out[result * span->repeats + i] = value;
    }
}

TINYSEG_INLINE void reduce_extreme(const tinyseg_span *span, uint32_t index, const tinyseg_value *line,
    tinyseg_value *state, tinyseg_value *out, int largest)
{
    for (uint32_t result = 0; result < span->results; ++result) {
        tinyseg_value value = (tinyseg_value)(largest ? TINYSEG_VALUE_MIN : TINYSEG_VALUE_MAX);
        if (index != 0u) {
            value = state[result];
        }
        TINYSEG_EACH_REDUCED(span, result, at)
        {
            if (largest ? line[at] > value : line[at] < value) {
                value = line[at];
            }
        }
        if (index + 1u == span->lines) {
            write_value(span, result, value, out);
        } else {
            state[result] = value;
        }
    }
}

void tinyseg_reduce_max_line(
    const tinyseg_reduce *p, uint32_t index, const tinyseg_value *line, tinyseg_value *state, tinyseg_value *out)
{
    reduce_extreme(&p->span, index, line, state, out, 1);
}

void tinyseg_reduce_min_line(
    const tinyseg_reduce *p, uint32_t index, const tinyseg_value *line, tinyseg_value *state, tinyseg_value *out)
{
    reduce_extreme(&p->span, index, line, state, out, 0);
}

void tinyseg_reduce_sum_line(
    const tinyseg_reduce *p, uint32_t index, const tinyseg_value *line, int32_t *state, tinyseg_value *out)
{
    const tinyseg_span *span = &p->span;
    for (uint32_t result = 0; result < span->results; ++result) {
        int32_t sum = index != 0u ? state[result] : 0;
        TINYSEG_EACH_REDUCED(span, result, at)
        {
            sum += line[at];
        }
        if (index + 1u == span->lines) {
            write_value(span, result, tinyseg_requantize(sum - p->zero, p->multiplier, &p->output), out);
        } else {
            state[result] = sum;
        }
    }
}
