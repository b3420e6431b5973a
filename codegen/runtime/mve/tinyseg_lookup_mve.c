/* SPDX-License-Identifier: Apache-2.0 */
/* A function of one byte, by table, for cores with the vector extension. */
#include "tinyseg_lookup_mve.h"

#include "tinyseg_mve.h"

void tinyseg_lookup_mve_line(const uint8_t *table, const uint8_t *in, uint8_t *out, uint32_t elements)
{
#if TINYSEG_MVE
    __asm__ volatile("wlstp.8 lr, %[elements], 2f\n"
                     "1:\n\t"
                     "vldrb.8 q0, [%[in]], #16\n\t"
                     "vldrb.u8 q1, [%[table], q0]\n\t"
                     "vstrb.8 q1, [%[out]], #16\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : [in] "+r"(in), [out] "+r"(out)
                     : [table] "r"(table), [elements] "r"(elements)
                     : "lr", "q0", "q1", "cc", "memory");
#else
    for (const uint8_t *const end = in + elements; in != end;) {
        *out++ = table[*in++];
    }
#endif
}
