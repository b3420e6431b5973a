/* SPDX-License-Identifier: Apache-2.0 */
/* Start of an STM32F4: internal oscillator of 16 MHz, PLL (over-drive on an STM32F446 above 168 MHz), flash accelerator.
 * The power controller is at scale 1 after reset. */
#define OVER_DRIVE_ABOVE_HZ 168000000u
#define PLL_Q 8u
#define ACCELERATOR (7u << 8) /* prefetch, instruction and data cache */
#include "stm32_pll.h"

int system_start(void)
{
    stm32_enable_power();
    return stm32_start_pll();
}
