/* SPDX-License-Identifier: Apache-2.0 */
/* Start of an RP2350: addresses of the RP2350 Datasheet, "Address Map", for the sequence of rp2.h. */
#define RESETS_BASE 0x40020000u
#define XOSC_BASE 0x40048000u
#define PLL_SYS_BASE 0x40050000u
#define CLOCKS_BASE 0x40010000u
#define PLL_SYS_RESET (1u << 14)
#include "rp2.h"

int system_start(void)
{
    return rp2_start();
}
