/* SPDX-License-Identifier: Apache-2.0 */
/* Semihosting: requests to the debugger or emulator (Arm "Semihosting for AArch32 and AArch64"). */
#ifndef TINYSEG_SEMIHOSTING_H
#define TINYSEG_SEMIHOSTING_H

/* Writes text to the debugger's console. */
void semihosting_print(const char *text);

/* With TINYSEG_UART the requests go over a serial line instead (uart/uart_port.c): sets it up. */
void uart_begin(void);

#endif
