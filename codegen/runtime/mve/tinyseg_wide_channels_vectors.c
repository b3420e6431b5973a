/* SPDX-License-Identifier: Apache-2.0 */
#include "tinyseg_mve.h"

/* Sum of the products of n neighbouring values. */
TINYSEG_INLINE int32_t dot(const int8_t *x, const int16_t *w, int32_t n)
{
    int32_t sum = 0;
#if TINYSEG_MVE
    __asm__ volatile("wlstp.16 lr, %[n], 2f\n"
                     "1:\n\t"
                     "vldrb.s16 q0, [%[x]], #8\n\t"
                     "vldrh.16 q1, [%[w]], #16\n\t"
                     "vmladava.s16 %[sum], q0, q1\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : [x] "+r"(x), [w] "+r"(w), [sum] "+Te"(sum)
                     : [n] "r"(n)
                     : "lr", "q0", "q1", "cc", "memory");
#else
    for (const int8_t *const end = x + n; x != end;) {
        sum += *x++ * *w++;
    }
#endif
    return sum;
}

/* Where the weight of a value of a run stands. */
TINYSEG_INLINE int32_t place(int32_t value, int32_t n)
{
    (void)n;
    return value;
}

#define TINYSEG_WIDE_CHANNELS_LINE tinyseg_wide_channels_line_vectors
#include "tinyseg_wide_channels_body.h"
