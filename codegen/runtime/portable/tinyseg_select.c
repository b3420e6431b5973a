/* SPDX-License-Identifier: Apache-2.0 */
/* Places along an axis in any order. */
#include "tinyseg_select.h"

void tinyseg_select_runs(const tinyseg_select *p, const uint8_t *from, uint8_t *to)
{
    const uint32_t bytes = p->run_bytes;
    for (uint32_t block = 0; block < p->blocks; ++block, from += p->block_bytes) {
        for (uint32_t i = 0; i < p->count; ++i, to += bytes) {
            const uint8_t *run = from + (uint32_t)p->indices[i] * bytes;
            if (bytes == 1u) {
                *to = *run;
            } else {
                memcpy(to, run, bytes);
            }
        }
    }
}
