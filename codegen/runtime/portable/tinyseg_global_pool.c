/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling over all pixels of an int8 map, taken line by line. */
#include "tinyseg_global_pool.h"

void tinyseg_global_average_line(
    const tinyseg_global_pool *p, uint32_t index, const tinyseg_value *line, int32_t *state, tinyseg_value *out)
{
    const uint32_t channels = p->channels;
    const int last = index + 1u == p->lines;
    for (uint32_t c = 0; c < channels; ++c) {
        int32_t sum = index != 0u ? state[c] : 0;
        const tinyseg_value *in = line + c;
        for (uint32_t x = 0; x < p->width; ++x, in += channels) {
            sum += *in;
        }
        if (last) {
            sum = tinyseg_averaged_to(sum - p->zero, tinyseg_scale_of(p->multiplier), p->output.zero_point);
            out[c] = (tinyseg_value)tinyseg_clamp(sum, p->output.minimum, p->output.maximum);
        } else {
            state[c] = sum;
        }
    }
}

void tinyseg_global_max_line(
    const tinyseg_global_pool *p, uint32_t index, const tinyseg_value *line, tinyseg_value *state, tinyseg_value *out)
{
    const uint32_t channels = p->channels;
    tinyseg_value *const result = index + 1u == p->lines ? out : state;
    for (uint32_t c = 0; c < channels; ++c) {
        tinyseg_value largest = index != 0u ? state[c] : (tinyseg_value)TINYSEG_VALUE_MIN;
        const tinyseg_value *in = line + c;
        for (uint32_t x = 0; x < p->width; ++x, in += channels) {
            largest = *in > largest ? *in : largest;
        }
        result[c] = largest;
    }
}
