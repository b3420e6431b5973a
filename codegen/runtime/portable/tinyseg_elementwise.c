/* SPDX-License-Identifier: Apache-2.0 */
/* Binary arithmetic on int8 lines. */
#include "tinyseg_elementwise.h"

/* Takes back a tie that was rounded up to the wrong parity. */
TINYSEG_INLINE int32_t without_tie(int32_t result, uint8_t ties)
{
    return result - ((result + ties - 1) & 1);
}

/* `n` elements, no more than the period. */
TINYSEG_INNER void linear(
    const tinyseg_linear *p, const tinyseg_value *a, const tinyseg_value *b, tinyseg_value *out, uint32_t n)
{
    const int32_t a_factor = p->a_factor;
    const int32_t b_factor = p->b_factor;
    const int32_t offset = p->offset;
    const int32_t minimum = p->minimum;
    const int32_t maximum = p->maximum;
    const uint8_t shift = p->shift;
    const uint8_t ties = p->ties;
    const tinyseg_value *const end = a + n;
    if (ties == 0u) {
        while (a != end) {
            const int32_t sum = a_factor * *a++ + (b_factor * *b++ + offset);
            *out++ = (tinyseg_value)tinyseg_clamp(sum >> shift, minimum, maximum);
        }
        return;
    }
    while (a != end) {
        const int32_t sum = a_factor * *a++ + (b_factor * *b++ + offset);
        int32_t result = sum >> shift;
        if (((uint32_t)sum & ((1u << shift) - 1u)) == 0u) {
            result = without_tie(result, ties);
        }
        *out++ = (tinyseg_value)tinyseg_clamp(result, minimum, maximum);
    }
}

void tinyseg_linear_line(
    const tinyseg_linear *p, const tinyseg_value *a, const tinyseg_value *b, tinyseg_value *out, uint32_t elements)
{
    const uint32_t period = p->period;
    while (elements > 0u) {
        const uint32_t n = elements < period ? elements : period;
        linear(p, a, b, out, n);
        a += n;
        out += n;
        elements -= n;
    }
}

TINYSEG_INNER void product(
    const tinyseg_product *p, const tinyseg_value *a, const tinyseg_value *b, tinyseg_value *out, uint32_t n)
{
    const int32_t a_zero_point = p->a_zero_point;
    const int32_t b_zero_point = p->b_zero_point;
    const int32_t factor = p->factor;
    const int64_t offset = p->offset;
    const int32_t minimum = p->minimum;
    const int32_t maximum = p->maximum;
    const uint8_t shift = p->shift;
    const uint8_t ties = p->ties;
    const tinyseg_value *const end = a + n;
    if (ties == 0u && shift >= 1u && shift < 32u) {
        while (a != end) {
            const int64_t sum = (int64_t)factor * ((*a++ - a_zero_point) * (*b++ - b_zero_point)) + offset;
            /* the lower bits of sum >> shift, which is an int32 */
            const uint32_t result = ((uint32_t)sum >> shift) | ((uint32_t)((uint64_t)sum >> 32) << (32u - shift));
            *out++ = (tinyseg_value)tinyseg_clamp((int32_t)result, minimum, maximum);
        }
        return;
    }
    if (ties == 0u && shift >= 32u) {
        while (a != end) {
            const int64_t sum = (int64_t)factor * ((*a++ - a_zero_point) * (*b++ - b_zero_point)) + offset;
            *out++ = (tinyseg_value)tinyseg_clamp((int32_t)(sum >> 32) >> (shift - 32u), minimum, maximum);
        }
        return;
    }
    while (a != end) {
        const int64_t sum = (int64_t)factor * ((*a++ - a_zero_point) * (*b++ - b_zero_point)) + offset;
        int32_t result = (int32_t)(sum >> shift);
        if (ties != 0u && ((uint64_t)sum & (((uint64_t)1 << shift) - 1u)) == 0u) {
            result = without_tie(result, ties);
        }
        *out++ = (tinyseg_value)tinyseg_clamp(result, minimum, maximum);
    }
}

void tinyseg_product_line(
    const tinyseg_product *p, const tinyseg_value *a, const tinyseg_value *b, tinyseg_value *out, uint32_t elements)
{
    const uint32_t period = p->period;
    while (elements > 0u) {
        const uint32_t n = elements < period ? elements : period;
        product(p, a, b, out, n);
        a += n;
        out += n;
        elements -= n;
    }
}

void tinyseg_elementwise_line(
    const tinyseg_elementwise *p, const tinyseg_value *a, const tinyseg_value *b, tinyseg_value *out, uint32_t elements)
{
    const int32_t low = p->minimum - p->output_zero_point;
    const int32_t high = p->maximum - p->output_zero_point;
    uint32_t j = 0;
    for (uint32_t i = 0; i < elements; ++i) {
        float u = (float)(a[i] - p->a_zero_point) * p->a_scale;
        float v = (float)(b[j] - p->b_zero_point) * p->b_scale;
        float result;
        TINYSEG_ROUNDED(u);
        TINYSEG_ROUNDED(v);
        switch (p->function) {
        case '+':
            result = u + v;
            break;
        case '-':
            result = u - v;
            break;
        case 'r':
            result = v - u;
            break;
        default:
            result = u * v;
            break;
        }
        TINYSEG_ROUNDED(result);
        result /= p->output_scale;
        TINYSEG_ROUNDED(result);
        out[i] = (tinyseg_value)(tinyseg_clamp(tinyseg_round(result), low, high) + p->output_zero_point);
        j = j + 1u == p->period ? 0u : j + 1u;
    }
}
