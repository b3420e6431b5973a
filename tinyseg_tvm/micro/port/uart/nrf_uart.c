/* SPDX-License-Identifier: Apache-2.0 */
/* UART without DMA of nRF51 and nRF52 (nRF51 Series Reference Manual, "Universal Asynchronous Receiver/Transmitter"). */
#include "uart.h"

#define START_RECEIVING UART_REGISTER(0x000)
#define START_SENDING UART_REGISTER(0x008)
#define RECEIVED UART_REGISTER(0x108)
#define SENT UART_REGISTER(0x11C)
#define ENABLE UART_REGISTER(0x500)
#define RECEIVE_DATA UART_REGISTER(0x518)
#define SEND_DATA UART_REGISTER(0x51C)
#define SPEED UART_REGISTER(0x524) /* in 2^-32 of its clock, */
#define SPEED_CLOCK_HZ 16000000u /* which is the same whatever the core's is */
#define ON 4u

void uart_open(void)
{
    SPEED = (uint32_t)(((uint64_t)UART_BAUD << 32) / SPEED_CLOCK_HZ);
    ENABLE = ON;
    RECEIVED = 0;
    START_RECEIVING = 1;
    START_SENDING = 1;
}

void uart_put(uint8_t byte)
{
    SENT = 0;
    SEND_DATA = byte;
    while (SENT == 0u) {
    }
}

int uart_get(void)
{
    if (RECEIVED == 0u) {
        return -1;
    }
    RECEIVED = 0;
    return (int)(RECEIVE_DATA & 0xFFu);
}
