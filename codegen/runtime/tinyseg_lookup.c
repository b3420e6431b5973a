/* A function of one byte, by table. */
#include "tinyseg_lookup.h"

void tinyseg_lookup_line(const uint8_t *table, const uint8_t *in, uint8_t *out, uint32_t elements)
{
    for (const uint8_t *end = in + elements; in != end;) {
        *out++ = table[*in++];
    }
}
