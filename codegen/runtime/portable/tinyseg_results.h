/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels of weighted sums make of an accumulator: a value, or with TINYSEG_SUMS a float32 that goes on.
 *
 * Kernels with TINYSEG_SUMS hand the sums of one or two pixels at a time to a function of the operator's own, which writes
 * the results; without one they write the sums themselves. */
#ifndef TINYSEG_RESULTS_H
#define TINYSEG_RESULTS_H

#include "tinyseg_requantize.h"

/* Makes the results from `first` on, of `count` sums. */
typedef void tinyseg_finish(const float *sums, uint32_t first, uint32_t count, void *out);

TINYSEG_INLINE float tinyseg_scaled_sum(int32_t acc, float multiplier)
{
    float product = (float)acc * multiplier;
    TINYSEG_ROUNDED(product);
    return product;
}

/* Where the next sums go, after those of `count` results from `first` on were written to `sums`. */
TINYSEG_INLINE float *tinyseg_finished(tinyseg_finish *finish, float *sums, int32_t first, int32_t count, void *out)
{
    if (finish == NULL) {
        return sums + count;
    }
    finish(sums, (uint32_t)first, (uint32_t)count, out);
    return sums;
}

#ifdef TINYSEG_SUMS
#define TINYSEG_RESULT float
#define TINYSEG_RESULT_OF(acc, o) tinyseg_scaled_sum((acc), p->multiplier[o])
#define TINYSEG_TARGET tinyseg_finish *finish, float *sums, void *out
#else
#define TINYSEG_RESULT tinyseg_value
#define TINYSEG_RESULT_OF(acc, o) tinyseg_requantize((acc), p->multiplier[o], &p->output)
#define TINYSEG_TARGET tinyseg_value *out
#endif

#endif
