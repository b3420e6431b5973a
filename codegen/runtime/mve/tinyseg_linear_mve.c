/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and differences for cores with the vector extension. */
#include "tinyseg_linear_mve.h"

#include "tinyseg_mve.h"

/* `elements`, no more than the period. */
TINYSEG_INNER void linear(const tinyseg_linear *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t elements)
{
#if TINYSEG_MVE
    __asm__ volatile("vdup.32 q2, %[a_factor]\n\t"
                     "vdup.32 q1, %[minimum]\n\t"
                     "vdup.32 q3, %[maximum]\n\t"
                     "wlstp.32 lr, %[elements], 2f\n"
                     "1:\n\t"
                     "vldrb.s32 q0, [%[a]], #4\n\t"
                     "vmlas.s32 q0, q2, %[offset]\n\t"
                     "vldrb.s32 q4, [%[b]], #4\n\t"
                     "vmla.s32 q0, q4, %[b_factor]\n\t"
                     "vshl.s32 q0, %[shift]\n\t"
                     "vmax.s32 q0, q0, q1\n\t"
                     "vmin.s32 q0, q0, q3\n\t"
                     "vstrb.32 q0, [%[out]], #4\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : [a] "+r"(a), [b] "+r"(b), [out] "+r"(out)
                     : [elements] "r"(elements), [a_factor] "r"(p->a_factor), [b_factor] "r"(p->b_factor),
                       [offset] "r"(p->offset), [shift] "r"(-(int32_t)p->shift), [minimum] "r"((int32_t)p->minimum),
                       [maximum] "r"((int32_t)p->maximum)
                     : "lr", "q0", "q1", "q2", "q3", "q4", "cc", "memory");
#else
    for (uint32_t i = 0; i < elements; ++i) {
        out[i] = tinyseg_linear_1(p, a[i], b[i]);
    }
#endif
}

void tinyseg_linear_mve_line(
    const tinyseg_linear *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t elements)
{
    while (elements > 0u) {
        const uint32_t n = elements < p->period ? elements : p->period;
        linear(p, a, b, out, n);
        a += n;
        out += n;
        elements -= n;
    }
}
