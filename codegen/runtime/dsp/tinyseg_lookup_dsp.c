/* SPDX-License-Identifier: Apache-2.0 */
/* A function of one byte, by table, for cores that load words from any address. */
#include "tinyseg_lookup_dsp.h"

#include "tinyseg_dsp.h"

TINYSEG_INLINE void four(const uint8_t *table, const uint8_t *in, uint8_t *out)
{
    const uint32_t word = tinyseg_load32(in);
    const int32_t a = table[word & 0xFFu];
    const int32_t b = table[word >> 8 & 0xFFu];
    const int32_t c = table[word >> 16 & 0xFFu];
    tinyseg_store32(out, tinyseg_pack_4(a, b, c, table[word >> 24]));
}

void tinyseg_lookup_dsp_line(const uint8_t *table, const uint8_t *in, uint8_t *out, uint32_t elements)
{
    const uint8_t *const end = in + elements;
    for (const uint8_t *const most = in + (elements & ~7u); in != most; in += 8, out += 8) {
        four(table, in, out);
        four(table, in + 4, out + 4);
    }
    while (in != end) {
        *out++ = table[*in++];
    }
}
