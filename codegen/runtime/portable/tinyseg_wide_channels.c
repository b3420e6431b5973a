/* SPDX-License-Identifier: Apache-2.0 */
#include "tinyseg_platform.h"

/* Sum of the products of n neighbouring values. */
TINYSEG_INLINE int32_t dot(const int8_t *x, const int16_t *w, int32_t n)
{
    const int8_t *const fours = x + (n & ~3);
    const int8_t *const end = x + n;
    int32_t sum = 0;
    for (; x != fours; x += 4, w += 4) {
        sum += x[0] * w[0];
        sum += x[1] * w[1];
        sum += x[2] * w[2];
        sum += x[3] * w[3];
    }
    while (x != end) {
        sum += *x++ * *w++;
    }
    return sum;
}

/* Where the weight of a value of a run stands. */
TINYSEG_INLINE int32_t place(int32_t value, int32_t n)
{
    (void)n;
    return value;
}

#define TINYSEG_WIDE_CHANNELS_LINE tinyseg_wide_channels_line
#include "tinyseg_wide_channels_body.h"
