/* SPDX-License-Identifier: Apache-2.0 */
/* Moving elements. */
#include "tinyseg_copy.h"

void tinyseg_copy_runs(const tinyseg_copy *p, const uint8_t *from, uint8_t *to)
{
    enum { last = TINYSEG_COPY_RANK - 1 };
    uint32_t index[TINYSEG_COPY_RANK] = {0};
    for (;;) {
        int32_t dimension = last;
        const uint8_t *source = from;
        uint8_t *target = to;
        for (uint32_t i = 0; i < p->counts[last]; ++i) {
            memcpy(target, source, p->run_bytes);
            source += p->from_step[last];
            target += p->to_step[last];
        }
        do {
            if (dimension == 0) {
                return;
            }
            --dimension;
            from += p->from_step[dimension];
            to += p->to_step[dimension];
            if (++index[dimension] < p->counts[dimension]) {
                break;
            }
            from -= (int32_t)p->counts[dimension] * p->from_step[dimension];
            to -= (int32_t)p->counts[dimension] * p->to_step[dimension];
            index[dimension] = 0;
        } while (1);
    }
}

void tinyseg_fill(uint8_t *to, const uint8_t *value, uint32_t bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i) {
        memcpy(to, value, bytes);
        to += bytes;
    }
}
