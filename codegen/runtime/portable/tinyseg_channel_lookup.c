/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of 256 bytes, one for each channel. */
#include "tinyseg_channel_lookup.h"

void tinyseg_channel_lookup_line(
    const uint8_t *tables, uint32_t channels, const uint8_t *in, uint8_t *out, uint32_t pixels)
{
    const uint8_t *const end = tables + channels * 256u;
    for (; pixels > 0u; --pixels) {
        for (const uint8_t *table = tables; table != end; table += 256) {
            *out++ = table[*in++];
        }
    }
}
