/* SPDX-License-Identifier: Apache-2.0 */
/* A function of one byte, by table. */
#include "tinyseg_lookup.h"

void tinyseg_lookup_line(const uint8_t *table, const uint8_t *in, uint8_t *out, uint32_t elements)
{
    const uint8_t *const fours = in + (elements & ~3u);
    const uint8_t *const end = in + elements;
    for (; in != fours; in += 4, out += 4) {
        const uint8_t a = table[in[0]];
        const uint8_t b = table[in[1]];
        const uint8_t c = table[in[2]];
        const uint8_t d = table[in[3]];
        out[0] = a;
        out[1] = b;
        out[2] = c;
        out[3] = d;
    }
    while (in != end) {
        *out++ = table[*in++];
    }
}
