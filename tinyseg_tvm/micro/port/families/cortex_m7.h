/* SPDX-License-Identifier: Apache-2.0 */
/* The Cortex-M7's caches (Arm Cortex-M7 Devices Generic User Guide, "Cache maintenance operations"). */
#ifndef CORTEX_M7_H
#define CORTEX_M7_H

#include "system.h"

static inline void cortex_m7_enable_caches(void)
{
    __asm__ volatile("dsb\n isb" ::: "memory");
    REGISTER(0xE000EF50) = 0u; /* ICIALLU: forget all instructions */
    __asm__ volatile("dsb\n isb" ::: "memory");
    if ((REGISTER(0xE000ED14) & (1u << 16)) == 0u) { /* else a boot loader left it on: it holds what is not in memory yet */
        REGISTER(0xE000ED84) = 0u; /* CSSELR: the data cache of level 1 */
        __asm__ volatile("dsb" ::: "memory");
        const uint32_t size = REGISTER(0xE000ED80); /* CCSIDR */
        const uint32_t sets = ((size >> 13) & 0x7FFFu) + 1u, ways = ((size >> 3) & 0x3FFu) + 1u;
        for (uint32_t set = 0; set < sets; ++set) {
            for (uint32_t way = 0; way < ways; ++way) {
                REGISTER(0xE000EF60) = (way << 30) | (set << 5); /* DCISW; four ways of lines of 32 bytes */
            }
        }
        __asm__ volatile("dsb" ::: "memory");
    }
    REGISTER(0xE000ED14) |= (1u << 17) | (1u << 16); /* CCR: IC, DC */
    __asm__ volatile("dsb\n isb" ::: "memory");
}

#endif
