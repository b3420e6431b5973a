/* SPDX-License-Identifier: Apache-2.0 */
/* Products for cores with the vector extension. */
#include "tinyseg_product_mve.h"

#include "tinyseg_mve.h"

#if TINYSEG_MVE
/* The high half of (a - a_zero_point) << 16 times factor * (b - b_zero_point) is the product shifted right by 16. */
TINYSEG_INNER void products(const tinyseg_narrow_product *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t n)
{
    register int32x4_t minimum __asm__("q1") = vdupq_n_s32(p->minimum);
    register int32x4_t maximum __asm__("q3") = vdupq_n_s32(p->maximum);
    register int32x4_t factor __asm__("q2") = vdupq_n_s32(p->factor);
    register int32x4_t high __asm__("q5") = vdupq_n_s32(0x10000);
    __asm__ volatile("wlstp.32 lr, %[n], 2f\n"
                     "1:\n\t"
                     "vldrb.s32 q0, [%[b]], #4\n\t"
                     "vmlas.s32 q0, q2, %[b_base]\n\t"
                     "vldrb.s32 q4, [%[a]], #4\n\t"
                     "vmlas.s32 q4, q5, %[a_base]\n\t"
                     "vmulh.s32 q0, q0, q4\n\t"
                     "vadd.i32 q0, q0, %[offset]\n\t"
                     "vshl.s32 q0, %[shift]\n\t"
                     "vmax.s32 q0, q0, q1\n\t"
                     "vmin.s32 q0, q0, q3\n\t"
                     "vstrb.32 q0, [%[out]], #4\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : [a] "+r"(a), [b] "+r"(b), [out] "+r"(out)
                     : [n] "r"(n), [a_base] "r"(-65536 * p->a_zero_point), [b_base] "r"(-p->factor * p->b_zero_point),
                       [offset] "r"(p->offset), [shift] "r"(-(int32_t)p->shift), "w"(minimum), "w"(maximum),
                       "w"(factor), "w"(high)
                     : "lr", "q0", "q4", "cc", "memory");
}
#else
TINYSEG_INNER void products(const tinyseg_narrow_product *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; ++i) {
        out[i] = tinyseg_narrow_product_1(p, a[i], b[i]);
    }
}
#endif

void tinyseg_product_mve_line(
    const tinyseg_narrow_product *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t elements)
{
    while (elements > 0u) {
        const uint32_t n = elements < p->period ? elements : p->period;
        products(p, a, b, out, n);
        a += n;
        out += n;
        elements -= n;
    }
}
