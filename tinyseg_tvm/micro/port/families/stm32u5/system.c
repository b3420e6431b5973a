/* SPDX-License-Identifier: Apache-2.0 */
/* Start of an STM32U575: internal oscillator of 16 MHz, PLL1, voltage range 1 with booster, instruction cache.
 *
 * ST RM0456: "Power control (PWR)" (range 1 and EPOD booster), "Reset and clock control (RCC)", "Embedded flash memory
 * (FLASH)", "Instruction cache (ICACHE)". TrustZone is off, as on parts as delivered. */
#include "system.h"

#define FLASH_ACR 0x40022000u
#define ICACHE_CR 0x40030400u
#define PWR_VOSR 0x4602080Cu
#define RCC_CR 0x46020C00u
#define RCC_CFGR1 0x46020C1Cu
#define RCC_PLL1CFGR 0x46020C28u
#define RCC_PLL1DIVR 0x46020C34u
#define RCC_AHB3ENR 0x46020C94u

#define PLL_INPUT_HZ 16000000u
#define PLL_R 2u

int system_start(void)
{
    REGISTER(RCC_AHB3ENR) |= 1u << 2; /* PWREN */
    (void)REGISTER(RCC_AHB3ENR);
    REGISTER(RCC_CR) |= 1u << 8; /* HSION */
    SYSTEM_REQUIRE(RCC_CR, 1u << 10, 1u << 10); /* HSIRDY */
    system_change(RCC_CFGR1, 3u, 1u); /* SW: HSI16; a boot loader may run from the PLL */
    SYSTEM_REQUIRE(RCC_CFGR1, 3u << 2, 1u << 2);
    system_change(RCC_CR, 1u << 24, 0u); /* PLL1ON */
    SYSTEM_REQUIRE(RCC_CR, 1u << 25, 0u);
    system_change(PWR_VOSR, 3u << 16, 3u << 16); /* VOS: range 1 */
    SYSTEM_REQUIRE(PWR_VOSR, 1u << 15, 1u << 15); /* VOSRDY */
    REGISTER(RCC_PLL1CFGR) = 2u | (3u << 2) | (1u << 18); /* HSI16, input of 8 to 16 MHz, PLL1REN; M and MBOOST 1 */
    REGISTER(RCC_PLL1DIVR) =
        (PORT_CLOCK_HZ * PLL_R / PLL_INPUT_HZ - 1u) | (1u << 9) | (1u << 16) | ((PLL_R - 1u) << 24);
    REGISTER(PWR_VOSR) |= 1u << 18; /* BOOSTEN */
    SYSTEM_REQUIRE(PWR_VOSR, 1u << 14, 1u << 14); /* BOOSTRDY */
    REGISTER(RCC_CR) |= 1u << 24; /* PLL1ON */
    SYSTEM_REQUIRE(RCC_CR, 1u << 25, 1u << 25); /* PLL1RDY */
    REGISTER(FLASH_ACR) = (1u << 8) | PORT_FLASH_WAIT_STATES; /* prefetch */
    SYSTEM_REQUIRE(FLASH_ACR, 15u, PORT_FLASH_WAIT_STATES);
    REGISTER(ICACHE_CR) |= 1u; /* after reset it is invalid and off */
    system_change(RCC_CFGR1, 3u, 3u); /* SW: PLL1 */
    return system_wait(RCC_CFGR1, 3u << 2, 3u << 2);
}
