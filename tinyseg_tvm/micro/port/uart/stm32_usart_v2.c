/* SPDX-License-Identifier: Apache-2.0 */
/* USART of STM32F0, F3, F7, G0, G4, H5, H7, L0, L4, L5, U5 and WB (reference manual RM0433, "Universal synchronous
 * receiver transmitter"), without its FIFO. */
#include "uart.h"

#define CONTROL UART_REGISTER(0x00)
#define DIVIDER UART_REGISTER(0x0C)
#define STATE UART_REGISTER(0x1C)
#define CLEAR UART_REGISTER(0x20)
#define RECEIVE_DATA UART_REGISTER(0x24)
#define SEND_DATA UART_REGISTER(0x28)
#define OVERRUN (1u << 3)
#define RECEIVED (1u << 5)
#define SEND_EMPTY (1u << 7)
#define ON_BOTH_WAYS ((1u << 3) | (1u << 2) | 1u)

void uart_open(void)
{
    CONTROL = 0;
    DIVIDER = (UART_CLOCK_HZ + UART_BAUD / 2u) / UART_BAUD; /* 16 samples a bit */
    CONTROL = ON_BOTH_WAYS;
}

void uart_put(uint8_t byte)
{
    while ((STATE & SEND_EMPTY) == 0u) {
    }
    SEND_DATA = byte;
}

int uart_get(void)
{
    CLEAR = OVERRUN; /* nothing is received before */
    return (STATE & RECEIVED) != 0u ? (int)(RECEIVE_DATA & 0xFFu) : -1;
}
