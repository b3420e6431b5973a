/* SPDX-License-Identifier: Apache-2.0 */
/* Index of the largest of each group of consecutive int16 values. */
#include "tinyseg_argmax_i16.h"

void tinyseg_argmax_line_int16(const tinyseg_argmax *p, const int16_t *in, uint8_t *out)
{
    for (uint32_t group = 0; group < p->groups; ++group, in += p->elements) {
        uint32_t index = 0;
        for (uint32_t i = 1; i < p->elements; ++i) {
            if (in[i] > in[index] || (p->last != 0u && in[i] == in[index])) {
                index = i;
            }
        }
        for (uint32_t byte = 0; byte < p->index_bytes; ++byte) { /* little endian */
            *out++ = (uint8_t)(byte < 4u ? index >> (8u * byte) : 0u);
        }
    }
}
