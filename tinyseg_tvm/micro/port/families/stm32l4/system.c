/* SPDX-License-Identifier: Apache-2.0 */
/* Start of an STM32L4 or STM32L4+: internal oscillator of 16 MHz, PLL, voltage range 1, flash accelerator.
 *
 * ST RM0351 (STM32L475) and RM0432 (STM32L4R5): "Power control (PWR)" (boost mode of range 1: above 80 MHz), "Reset and
 * clock control (RCC)", "Embedded flash memory (FLASH)". */
#include "system.h"

#define PWR_CR1 0x40007000u
#define PWR_SR2 0x40007014u
#define PWR_CR5 0x40007080u
#define RCC_CR 0x40021000u
#define RCC_CFGR 0x40021008u
#define RCC_PLLCFGR 0x4002100Cu
#define RCC_APB1ENR1 0x40021058u
#define FLASH_ACR 0x40022000u

#define PLL_INPUT_HZ 8000000u /* 16 MHz by PLLM = 2 */
#define PLL_R 2u
#define BOOST_ABOVE_HZ 80000000u

int system_start(void)
{
    REGISTER(RCC_APB1ENR1) |= 1u << 28; /* PWREN */
    (void)REGISTER(RCC_APB1ENR1);
    system_change(PWR_CR1, 3u << 9, 1u << 9); /* VOS: range 1, as after reset */
    SYSTEM_REQUIRE(PWR_SR2, 1u << 10, 0u); /* VOSF */
    REGISTER(RCC_CR) |= 1u << 8; /* HSION */
    SYSTEM_REQUIRE(RCC_CR, 1u << 10, 1u << 10); /* HSIRDY */
    system_change(RCC_CFGR, 3u, 1u); /* SW: HSI16; a boot loader may run from the PLL */
    SYSTEM_REQUIRE(RCC_CFGR, 3u << 2, 1u << 2);
    system_change(RCC_CR, 1u << 24, 0u); /* PLLON */
    SYSTEM_REQUIRE(RCC_CR, 1u << 25, 0u);
    REGISTER(RCC_PLLCFGR) = 2u | (1u << 4) | ((PORT_CLOCK_HZ * PLL_R / PLL_INPUT_HZ) << 8) | (1u << 24);
    REGISTER(RCC_CR) |= 1u << 24; /* PLLON */
    SYSTEM_REQUIRE(RCC_CR, 1u << 25, 1u << 25); /* PLLRDY */
    REGISTER(FLASH_ACR) = (7u << 8) | PORT_FLASH_WAIT_STATES; /* prefetch, instruction and data cache */
    SYSTEM_REQUIRE(FLASH_ACR, 15u, PORT_FLASH_WAIT_STATES);
#if PORT_CLOCK_HZ > BOOST_ABOVE_HZ
    system_change(PWR_CR5, 1u << 8, 0u); /* R1MODE: boost */
    system_change(RCC_CFGR, 15u << 4, 8u << 4); /* AHB by 2 for at least a microsecond */
#endif
    system_change(RCC_CFGR, 3u, 3u); /* SW: PLL */
    SYSTEM_REQUIRE(RCC_CFGR, 3u << 2, 3u << 2);
#if PORT_CLOCK_HZ > BOOST_ABOVE_HZ
    for (uint32_t i = 0; i < PORT_CLOCK_HZ / 1000000u; ++i) {
        __asm__ volatile("nop");
    }
    system_change(RCC_CFGR, 15u << 4, 0u);
#endif
    return 0;
}
