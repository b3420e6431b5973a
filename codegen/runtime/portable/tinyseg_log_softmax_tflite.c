/* SPDX-License-Identifier: Apache-2.0 */
/* Logarithms of softmax by the rule of TensorFlow Lite. */
#include "tinyseg_log_softmax_tflite.h"

#include "tinyseg_fixed_point.h"

#define SUM_BITS 12     /* integer bits of the sum */
#define RESULT_SHIFT 22 /* from units of 2^-26 to those of 1/16 */

/* 1 / (1 + x) for x in [0, 1), both in units of 2^-31: three steps of Newton's method. */
static int32_t reciprocal(int32_t value)
{
    const int64_t total = (int64_t)value + INT32_MAX;
    const int32_t half = (int32_t)((total + (total < 0 ? -1 : 1)) / 2);
    int32_t x = tinyseg_saturated((int64_t)1515870810 + tinyseg_doubled_high(half, -1010580540)); /* 48/17 - 32/17 half */
    for (int step = 0; step < 3; ++step) {
        const int32_t error = (1 << 29) - tinyseg_doubled_high(half, x);
        x = tinyseg_saturated((int64_t)x + tinyseg_saturated((int64_t)tinyseg_doubled_high(x, error) * 4));
    }
    return tinyseg_saturated((int64_t)x * 2);
}

/* Zeros before the first bit of a positive number of 31 bits. */
static int32_t headroom(int32_t value)
{
    int32_t count = 0;
    while (value < 1 << 30) {
        value *= 2;
        ++count;
    }
    return count;
}

/* ln(x) in units of 2^-26 for x from 1 on, in units of 2^-19: x = r * 2^e with r next to 2^(-1/4), and a fraction of
 * polynomials of r. */
static int32_t logarithm(int32_t x)
{
    const int32_t half_root = 1518500250;   /* 2^(-1/2) */
    const int32_t fourth_root = 1805811301; /* 2^(-1/4) */
    const int32_t quarter = 1 << 23;        /* of an exponent, in units of 2^-25 */
    const int32_t room = headroom(x);
    const int32_t smaller_room = headroom(tinyseg_doubled_high(x, half_root));
    const int32_t first = tinyseg_saturated((int64_t)tinyseg_doubled_high(x << room, half_root) * 2);
    const int32_t second = tinyseg_saturated((int64_t)x << smaller_room);
    const int32_t first_exponent = (SUM_BITS - room - 1) * (1 << 25) + quarter;
    const int32_t second_exponent = (SUM_BITS - smaller_room) * (1 << 25) - quarter;
    const int32_t r = first < second ? first : second;
    const int32_t exponent = first_exponent > second_exponent ? first_exponent : second_exponent;
    const int32_t p = (int32_t)(((int64_t)r + fourth_root + 1) >> 1);
    const int32_t q = (r - fourth_root) * 2;
    const int32_t square = tinyseg_doubled_high(q, q);
    const int32_t numerator =
        tinyseg_doubled_high(q, r) + tinyseg_doubled_high(tinyseg_doubled_high(q, square), 117049297);
    const int32_t denominator = tinyseg_doubled_high(p, 1057819769 + q + tinyseg_doubled_high(127690142, square))
        + tinyseg_doubled_high(638450708, q);
    const int32_t fraction = tinyseg_doubled_high(tinyseg_rounded_shift(numerator, 6u), reciprocal(denominator));
    return tinyseg_saturated(((int64_t)tinyseg_doubled_high(exponent, 1488522236) + fraction) * 2); /* ln 2 */
}

void tinyseg_log_softmax_tflite_line(const tinyseg_log_softmax_tflite *p, const int8_t *in, int8_t *out)
{
    const int32_t *const differences = p->exponentials + 256;
    for (uint32_t group = 0; group < p->groups; ++group, in += p->elements, out += p->elements) {
        int32_t largest = -128;
        int32_t sum = 0;
        int32_t log;
        int32_t least;
        for (uint32_t i = 0; i < p->elements; ++i) {
            largest = in[i] > largest ? in[i] : largest;
        }
        for (uint32_t i = 0; i < p->elements; ++i) {
            sum += tinyseg_rounded_shift(p->exponentials[largest - in[i]], SUM_BITS);
        }
        log = logarithm(sum);
        least = tinyseg_rounded_shift(tinyseg_doubled_high(log + INT32_MIN, p->multiplier), p->right);
        least = least > p->least - 1 ? least : p->least - 1;
        for (uint32_t i = 0; i < p->elements; ++i) {
            const int32_t below = largest - in[i];
            int32_t result = -128;
            if (-below > least) {
                result = tinyseg_rounded_shift(tinyseg_saturated((int64_t)differences[below] - log), RESULT_SHIFT) + 127;
            }
            out[i] = (int8_t)(result < -128 ? -128 : result > 127 ? 127 : result);
        }
    }
}
