/* SPDX-License-Identifier: Apache-2.0 */
/* USART of STM32F1, F2, F4 and L1 (reference manual RM0090, "Universal synchronous asynchronous receiver transmitter"). */
#include "uart.h"

#define STATE UART_REGISTER(0x00)
#define DATA UART_REGISTER(0x04)
#define DIVIDER UART_REGISTER(0x08)
#define CONTROL UART_REGISTER(0x0C)
#define OVERRUN (1u << 3)
#define RECEIVED (1u << 5)
#define SEND_EMPTY (1u << 7)
#define ON_BOTH_WAYS ((1u << 13) | (1u << 3) | (1u << 2))

void uart_open(void)
{
    DIVIDER = (UART_CLOCK_HZ + UART_BAUD / 2u) / UART_BAUD; /* 16 samples a bit */
    CONTROL = ON_BOTH_WAYS;
}

void uart_put(uint8_t byte)
{
    while ((STATE & SEND_EMPTY) == 0u) {
    }
    DATA = byte;
}

int uart_get(void)
{
    const uint32_t state = STATE;
    if ((state & (RECEIVED | OVERRUN)) == 0u) {
        return -1;
    }
    const uint32_t data = DATA; /* clears an overrun, too */
    return (state & RECEIVED) != 0u ? (int)(data & 0xFFu) : -1;
}
