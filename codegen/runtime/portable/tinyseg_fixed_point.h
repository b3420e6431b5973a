/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of fixed point as gemmlowp has them: products and shifts that round, and saturate. */
#ifndef TINYSEG_FIXED_POINT_H
#define TINYSEG_FIXED_POINT_H

#include "tinyseg_platform.h"

TINYSEG_INLINE int32_t tinyseg_saturated(int64_t value)
{
    return value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

/* (a * b + 2^30) >> 31; not both are -2^31. */
TINYSEG_INLINE int32_t tinyseg_doubled_high(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* value / 2^shift, ties away from zero; shift from 0 to 31. */
TINYSEG_INLINE int32_t tinyseg_rounded_shift(int32_t value, uint32_t shift)
{
    if (shift == 0u) {
        return value;
    }
    return (int32_t)(((int64_t)value + (value < 0 ? -1 : 0) + ((int64_t)1 << (shift - 1u))) >> shift);
}

#endif
