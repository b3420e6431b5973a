/* SPDX-License-Identifier: Apache-2.0 */
/* Start of an nRF52: the core runs at 64 MHz from reset, by the internal oscillator; the flash has a cache.
 *
 * Nordic nRF52840 Product Specification: "CLOCK", "NVMC" (ICACHECNF). */
#include "system.h"

#define NVMC_ICACHECNF 0x4001E540u

int system_start(void)
{
    REGISTER(NVMC_ICACHECNF) = 1u; /* CACHEEN */
    return 0;
}
