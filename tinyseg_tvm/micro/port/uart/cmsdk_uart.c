/* SPDX-License-Identifier: Apache-2.0 */
/* APB UART of Arm's Cortex-M System Design Kit (Technical Reference Manual, "APB UART"): the MPS2 and MPS3 boards. */
#include "uart.h"

#define DATA UART_REGISTER(0x00)
#define STATE UART_REGISTER(0x04)
#define CONTROL UART_REGISTER(0x08)
#define DIVIDER UART_REGISTER(0x10)
#define SEND_FULL 1u
#define RECEIVE_FULL 2u
#define BOTH_ON 3u
#define SMALLEST_DIVIDER 16u

void uart_open(void)
{
    const uint32_t divider = UART_CLOCK_HZ / UART_BAUD;
    DIVIDER = divider < SMALLEST_DIVIDER ? SMALLEST_DIVIDER : divider;
    CONTROL = BOTH_ON;
}

void uart_put(uint8_t byte)
{
    while ((STATE & SEND_FULL) != 0u) {
    }
    DATA = byte;
}

int uart_get(void)
{
    return (STATE & RECEIVE_FULL) != 0u ? (int)(DATA & 0xFFu) : -1;
}
