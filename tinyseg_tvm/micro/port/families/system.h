/* SPDX-License-Identifier: Apache-2.0 */
/* What the families' start-up has in common: registers, and waiting for a flag, but not for ever.
 *
 * PORT_CLOCK_HZ and PORT_FLASH_WAIT_STATES are the board's, from its description. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* Clock, flash wait states and caches of the family, before anything else runs from flash at speed. It has a stack, and
 * no variables. Returns 0, or not 0 where an oscillator or regulator does not become ready. */
int system_start(void);

/* Returns 0 once the bits under `mask` are `value`, 1 if they are not after so many reads (a second at 16 MHz). */
static inline int system_wait(uintptr_t address, uint32_t mask, uint32_t value)
{
    for (uint32_t tries = 0; tries < 2000000u; ++tries) {
        if ((REGISTER(address) & mask) == value) {
            return 0;
        }
    }
    return 1;
}

/* Ends the start where something does not become ready; the clock is the one after reset then. */
#define SYSTEM_REQUIRE(address, mask, value) \
    do { \
        if (system_wait((address), (mask), (value)) != 0) { \
            return 1; \
        } \
    } while (0)

static inline void system_change(uintptr_t address, uint32_t mask, uint32_t value)
{
    REGISTER(address) = (REGISTER(address) & ~mask) | value;
}

#endif
