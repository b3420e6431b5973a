/* SPDX-License-Identifier: Apache-2.0 */
/* A polled serial line: what a driver of a board's UART gives. Addresses, clock and speed: uart_board.h. */
#ifndef TINYSEG_UART_H
#define TINYSEG_UART_H

#include <stdint.h>

#include "uart_board.h"

#define UART_REGISTER(offset) (*(volatile uint32_t *)(uintptr_t)(UART_ADDRESS + (offset)))

/* Sets up the peripheral; its clock and pins are set up already. */
void uart_open(void);

/* Sends a byte, as soon as there is room for it. */
void uart_put(uint8_t byte);

/* A byte that has come, or -1 where there is none. */
int uart_get(void);

#endif
