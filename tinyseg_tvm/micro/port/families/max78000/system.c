/* SPDX-License-Identifier: Apache-2.0 */
/* Start of a MAX78000's Cortex-M4: internal primary oscillator of 100 MHz in place of the 60 MHz after reset, cache.
 *
 * Analog Devices MAX78000 User Guide: "System, Power, Clocks, Reset" (GCR_CLKCTRL), "Instruction Cache Controller". */
#include "system.h"

#define GCR_CLKCTRL 0x40000008u
#define ICC0_CTRL 0x4002A100u

int system_start(void)
{
    REGISTER(GCR_CLKCTRL) |= 1u << 19; /* ipo_en */
    SYSTEM_REQUIRE(GCR_CLKCTRL, 1u << 27, 1u << 27); /* ipo_rdy */
    system_change(GCR_CLKCTRL, (7u << 9) | (7u << 6), 4u << 9); /* sysclk_sel: IPO; undivided */
    SYSTEM_REQUIRE(GCR_CLKCTRL, 1u << 13, 1u << 13); /* sysclk_rdy */
    REGISTER(ICC0_CTRL) |= 1u;
    return system_wait(ICC0_CTRL, 1u << 16, 1u << 16);
}
