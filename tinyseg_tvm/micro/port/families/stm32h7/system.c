/* SPDX-License-Identifier: Apache-2.0 */
/* Start of an STM32H743: internal oscillator of 64 MHz, PLL1, voltage scale 1, caches, SRAM1 to SRAM3.
 *
 * ST RM0433: "Power control (PWR)" (supply by the internal regulator, as on ST's NUCLEO boards), "Reset and Clock
 * Control (RCC)", "Embedded flash memory" (wait states and WRHIGHFREQ by the AXI clock, which is half of the core's). */
#include "cortex_m7.h"

#define RCC_CR 0x58024400u
#define RCC_CFGR 0x58024410u
#define RCC_D1CFGR 0x58024418u
#define RCC_D2CFGR 0x5802441Cu
#define RCC_D3CFGR 0x58024420u
#define RCC_PLLCKSELR 0x58024428u
#define RCC_PLLCFGR 0x5802442Cu
#define RCC_PLL1DIVR 0x58024430u
#define RCC_AHB2ENR 0x580244DCu
#define PWR_CSR1 0x58024804u
#define PWR_CR3 0x5802480Cu
#define PWR_D3CR 0x58024818u
#define FLASH_ACR 0x52002000u

#define PLL_INPUT_HZ 4000000u /* 64 MHz by DIVM1 = 16 */
#define PLL_P 2u

int system_start(void)
{
    cortex_m7_enable_caches();
    REGISTER(RCC_CR) |= 1u; /* HSION; a boot loader may run from the PLL */
    SYSTEM_REQUIRE(RCC_CR, 1u << 2, 1u << 2); /* HSIRDY */
    system_change(RCC_CFGR, 7u, 0u); /* SW: HSI */
    SYSTEM_REQUIRE(RCC_CFGR, 7u << 3, 0u);
    system_change(RCC_CR, 1u << 24, 0u); /* PLL1ON */
    SYSTEM_REQUIRE(RCC_CR, 1u << 25, 0u);
    system_change(RCC_CR, 3u << 3, 0u); /* HSIDIV: 64 MHz */
    system_change(PWR_CR3, 7u, 2u); /* LDOEN; counts once after power is switched on */
    SYSTEM_REQUIRE(PWR_CSR1, 1u << 13, 1u << 13); /* ACTVOSRDY */
    system_change(PWR_D3CR, 3u << 14, 3u << 14); /* VOS: scale 1, up to 400 MHz */
    SYSTEM_REQUIRE(PWR_D3CR, 1u << 13, 1u << 13); /* VOSRDY */
    REGISTER(RCC_PLLCKSELR) = 0u | (16u << 4); /* HSI */
    REGISTER(RCC_PLLCFGR) = (1u << 16) | (2u << 2); /* DIVP1EN; input of 4 to 8 MHz, wide range */
    REGISTER(RCC_PLL1DIVR) = (PORT_CLOCK_HZ * PLL_P / PLL_INPUT_HZ - 1u) | ((PLL_P - 1u) << 9) |
                             (1u << 16) | (1u << 24);
    REGISTER(RCC_CR) |= 1u << 24; /* PLL1ON */
    SYSTEM_REQUIRE(RCC_CR, 1u << 25, 1u << 25); /* PLL1RDY */
    REGISTER(FLASH_ACR) = (2u << 4) | PORT_FLASH_WAIT_STATES; /* WRHIGHFREQ 2 */
    SYSTEM_REQUIRE(FLASH_ACR, 15u, PORT_FLASH_WAIT_STATES);
    REGISTER(RCC_D1CFGR) = 8u | (4u << 4); /* AHB by 2, APB3 by 2 */
    REGISTER(RCC_D2CFGR) = (4u << 4) | (4u << 8); /* APB1 and APB2 by 2 */
    REGISTER(RCC_D3CFGR) = 4u << 4; /* APB4 by 2 */
    system_change(RCC_CFGR, 7u, 3u); /* SW: PLL1 */
    REGISTER(RCC_AHB2ENR) |= 7u << 29; /* SRAM1, SRAM2, SRAM3 */
    (void)REGISTER(RCC_AHB2ENR);
    return system_wait(RCC_CFGR, 7u << 3, 3u << 3);
}
