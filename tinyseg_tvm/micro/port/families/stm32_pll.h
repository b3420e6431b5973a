/* SPDX-License-Identifier: Apache-2.0 */
/* Internal oscillator of 16 MHz, PLL and over-drive of STM32F4 and STM32F7, whose registers are alike.
 *
 * ST RM0090 (STM32F405), RM0390 (STM32F446) and RM0385 (STM32F74x): "Reset and clock control", "Power controller",
 * "Embedded flash memory interface". The oscillator is exact to 1 % at room temperature; no board's crystal is relied
 * on. Whoever includes this defines OVER_DRIVE_ABOVE_HZ, PLL_Q (a divisor of the PLL that USB would use) and
 * ACCELERATOR, the bits of FLASH_ACR beside the wait states. */
#ifndef STM32_PLL_H
#define STM32_PLL_H

#include "system.h"

#define PWR_CR 0x40007000u
#define PWR_CSR 0x40007004u
#define RCC_CR 0x40023800u
#define RCC_PLLCFGR 0x40023804u
#define RCC_CFGR 0x40023808u
#define RCC_APB1ENR 0x40023840u
#define FLASH_ACR 0x40023C00u

#define PLL_INPUT_HZ 2000000u /* 16 MHz by PLLM = 8 */
#define PLL_P 2u

/* Switches the power controller's registers on. */
static inline void stm32_enable_power(void)
{
    REGISTER(RCC_APB1ENR) |= 1u << 28; /* PWREN */
    (void)REGISTER(RCC_APB1ENR); /* the clock of PWR runs two cycles after this */
}

static inline int stm32_start_pll(void)
{
    REGISTER(RCC_CR) |= 1u; /* HSION; a boot loader may run from the PLL */
    SYSTEM_REQUIRE(RCC_CR, 1u << 1, 1u << 1); /* HSIRDY */
    system_change(RCC_CFGR, 3u, 0u); /* SW: HSI */
    SYSTEM_REQUIRE(RCC_CFGR, 3u << 2, 0u);
    system_change(RCC_CR, 1u << 24, 0u); /* PLLON */
    SYSTEM_REQUIRE(RCC_CR, 1u << 25, 0u);
    REGISTER(RCC_PLLCFGR) = 8u | ((PORT_CLOCK_HZ * PLL_P / PLL_INPUT_HZ) << 6) | (0u << 16) | (PLL_Q << 24) | (2u << 28);
    REGISTER(RCC_CR) |= 1u << 24; /* PLLON */
    SYSTEM_REQUIRE(RCC_CR, 1u << 25, 1u << 25); /* PLLRDY */
#if PORT_CLOCK_HZ > OVER_DRIVE_ABOVE_HZ
    REGISTER(PWR_CR) |= 1u << 16; /* ODEN */
    SYSTEM_REQUIRE(PWR_CSR, 1u << 16, 1u << 16); /* ODRDY */
    REGISTER(PWR_CR) |= 1u << 17; /* ODSWEN */
    SYSTEM_REQUIRE(PWR_CSR, 1u << 17, 1u << 17); /* ODSWRDY */
#endif
    REGISTER(FLASH_ACR) = ACCELERATOR | PORT_FLASH_WAIT_STATES;
    SYSTEM_REQUIRE(FLASH_ACR, 15u, PORT_FLASH_WAIT_STATES);
    system_change(RCC_CFGR, 0xFCF0u, (5u << 10) | (4u << 13)); /* AHB undivided, APB1 by 4, APB2 by 2 */
    system_change(RCC_CFGR, 3u, 2u); /* SW: PLL */
    return system_wait(RCC_CFGR, 3u << 2, 2u << 2);
}

#endif
