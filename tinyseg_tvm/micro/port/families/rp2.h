/* SPDX-License-Identifier: Apache-2.0 */
/* Crystal oscillator and system PLL of RP2040 and RP2350, which differ in addresses alone.
 *
 * RP2040 and RP2350 Datasheets: "Clocks", "Crystal Oscillator (XOSC)", "PLL", "Subsystem Resets"; a crystal of 12 MHz, as
 * on the Pico and the Pico 2. Whoever includes this defines RESETS_BASE, XOSC_BASE, PLL_SYS_BASE, CLOCKS_BASE and
 * PLL_SYS_RESET, the PLL's bit among the resets. */
#ifndef RP2_H
#define RP2_H

#include "system.h"

#define RESETS_RESET RESETS_BASE
#define RESETS_RESET_DONE (RESETS_BASE + 8u)
#define XOSC_CTRL XOSC_BASE
#define XOSC_STATUS (XOSC_BASE + 4u)
#define XOSC_STARTUP (XOSC_BASE + 12u)
#define PLL_SYS_CS PLL_SYS_BASE
#define PLL_SYS_PWR (PLL_SYS_BASE + 4u)
#define PLL_SYS_FBDIV_INT (PLL_SYS_BASE + 8u)
#define PLL_SYS_PRIM (PLL_SYS_BASE + 12u)
#define CLK_REF_CTRL (CLOCKS_BASE + 0x30u)
#define CLK_REF_SELECTED (CLOCKS_BASE + 0x38u)
#define CLK_SYS_CTRL (CLOCKS_BASE + 0x3Cu)
#define CLK_SYS_SELECTED (CLOCKS_BASE + 0x44u)

#define CRYSTAL_HZ 12000000u
#define VCO_HZ (CRYSTAL_HZ * 125u) /* 750 MHz to 1600 MHz */
#define POST_DIVIDER_2 2u
#define POST_DIVIDER_1 (VCO_HZ / POST_DIVIDER_2 / PORT_CLOCK_HZ)

static inline int rp2_start(void)
{
    REGISTER(XOSC_STARTUP) = 47u; /* times 256 periods of the crystal: a millisecond */
    REGISTER(XOSC_CTRL) = 0x00FABAA0u;
    SYSTEM_REQUIRE(XOSC_STATUS, 1u << 31, 1u << 31);
    system_change(CLK_REF_CTRL, 3u, 2u); /* the crystal */
    SYSTEM_REQUIRE(CLK_REF_SELECTED, 1u << 2, 1u << 2);
    system_change(CLK_SYS_CTRL, 1u, 0u); /* away from the PLL, which a program before may have left running */
    SYSTEM_REQUIRE(CLK_SYS_SELECTED, 1u, 1u);
    system_change(RESETS_RESET, 0u, PLL_SYS_RESET);
    system_change(RESETS_RESET, PLL_SYS_RESET, 0u);
    SYSTEM_REQUIRE(RESETS_RESET_DONE, PLL_SYS_RESET, PLL_SYS_RESET);
    REGISTER(PLL_SYS_FBDIV_INT) = VCO_HZ / CRYSTAL_HZ;
    system_change(PLL_SYS_PWR, (1u << 0) | (1u << 5), 0u); /* PD, VCOPD */
    SYSTEM_REQUIRE(PLL_SYS_CS, 1u << 31, 1u << 31);
    REGISTER(PLL_SYS_PRIM) = (POST_DIVIDER_1 << 16) | (POST_DIVIDER_2 << 12);
    system_change(PLL_SYS_PWR, 1u << 3, 0u); /* POSTDIVPD */
    system_change(CLK_SYS_CTRL, 7u << 5, 0u); /* the auxiliary source is the PLL */
    system_change(CLK_SYS_CTRL, 1u, 1u);
    return system_wait(CLK_SYS_SELECTED, 1u << 1, 1u << 1);
}

#endif
