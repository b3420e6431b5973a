/* SPDX-License-Identifier: Apache-2.0 */
/* Start of an STM32F74x: internal oscillator of 16 MHz, PLL, over-drive, caches. */
#define OVER_DRIVE_ABOVE_HZ 180000000u
#define PLL_Q 9u
#define ACCELERATOR (3u << 8) /* prefetch, ART (for the ITCM bus) */
#include "cortex_m7.h"
#include "stm32_pll.h"

int system_start(void)
{
    cortex_m7_enable_caches();
    stm32_enable_power();
    REGISTER(PWR_CR) |= 3u << 14; /* VOS: scale 1 */
    return stm32_start_pll();
}
