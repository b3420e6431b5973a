/* SPDX-License-Identifier: Apache-2.0 */
/* Arm PrimeCell UART (PL011, Technical Reference Manual): Stellaris, RP2040, RP2350. */
#include "uart.h"

#define DATA UART_REGISTER(0x00)
#define FLAGS UART_REGISTER(0x18)
#define DIVIDER UART_REGISTER(0x24)
#define DIVIDER_FRACTION UART_REGISTER(0x28) /* in 64ths */
#define LINE UART_REGISTER(0x2C)
#define CONTROL UART_REGISTER(0x30)
#define RECEIVE_EMPTY (1u << 4)
#define SEND_FULL (1u << 5)
#define EIGHT_BITS (3u << 5)
#define FIFOS (1u << 4)
#define ON_BOTH_WAYS 0x301u

void uart_open(void)
{
    const uint32_t divider = (uint32_t)((4ull * UART_CLOCK_HZ + UART_BAUD / 2u) / UART_BAUD);
    CONTROL = 0;
    DIVIDER = divider / 64u;
    DIVIDER_FRACTION = divider % 64u;
    LINE = EIGHT_BITS | FIFOS; /* makes the divider hold */
    CONTROL = ON_BOTH_WAYS;
}

void uart_put(uint8_t byte)
{
    while ((FLAGS & SEND_FULL) != 0u) {
    }
    DATA = byte;
}

int uart_get(void)
{
    return (FLAGS & RECEIVE_EMPTY) == 0u ? (int)(DATA & 0xFFu) : -1;
}
