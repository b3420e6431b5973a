/* SPDX-License-Identifier: Apache-2.0 */
/* Start of an RP2040: addresses of the RP2040 Datasheet, "Address Map", for the sequence of rp2.h. */
#define RESETS_BASE 0x4000C000u
#define XOSC_BASE 0x40024000u
#define PLL_SYS_BASE 0x40028000u
#define CLOCKS_BASE 0x40008000u
#define PLL_SYS_RESET (1u << 12)
#include "rp2.h"

int system_start(void)
{
    return rp2_start();
}
