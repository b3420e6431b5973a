/* SPDX-License-Identifier: Apache-2.0 */
/* Start of an nRF5340's application core: 128 MHz in place of the 64 MHz after reset, cache.
 *
 * Nordic nRF5340 Product Specification: "CLOCK" (HFCLKCTRL), "CACHE",
 * "CTRL-AP". The program runs in the Secure state. */
#include "system.h"

#define CLOCK_HFCLKCTRL 0x50005558u
#define CACHE_ENABLE 0x50001500u
#define CTRLAP_APPROTECT_DISABLE 0x50006544u
#define CTRLAP_SECUREAPPROTECT_DISABLE 0x5000654Cu
#define UICR_APPROTECT 0x00FF8000u
#define UICR_SECUREAPPROTECT 0x00FF801Cu

int system_start(void)
{
    /* The port for debuggers stays open after a reset where the UICR says so and the program agrees. */
    REGISTER(CTRLAP_APPROTECT_DISABLE) = REGISTER(UICR_APPROTECT);
    REGISTER(CTRLAP_SECUREAPPROTECT_DISABLE) = REGISTER(UICR_SECUREAPPROTECT);
    REGISTER(CACHE_ENABLE) = 1u;
    REGISTER(CLOCK_HFCLKCTRL) = PORT_CLOCK_HZ > 64000000u ? 0u : 1u; /* divided by 1 or 2 */
    return 0;
}
