/* SPDX-License-Identifier: Apache-2.0 */
/* Storage at the other end of a serial line: the host runs `tinyseg serve-storage`.
 *
 * A request is A5, operation, number, length (2 bytes), offset (4), the data of a write, CRC-32 (4); its answer is 5A,
 * status, number, length, the data of a read, CRC-32. Numbers are little endian; check sums are of all behind the first
 * byte. Interrupts move the bytes. A request is repeated where its answer is damaged or does not come. */
#ifndef TINYSEG_UART_STORAGE_H
#define TINYSEG_UART_STORAGE_H

#include "tinyseg_storage.h"

#define UART_REQUEST_BYTES 9u
#define UART_ANSWER_BYTES 5u

typedef struct {
    tinyseg_storage storage;
    uint32_t address;   /* of a CMSDK APB UART's registers */
    uint32_t interrupt; /* number of its receive interrupt; the transmit interrupt is the next one */
    uint8_t request[UART_REQUEST_BYTES];
    uint8_t request_crc[4];
    const uint8_t *send;
    uint32_t send_bytes;
    volatile uint32_t sent;
    uint8_t answer[UART_ANSWER_BYTES];
    uint8_t answer_crc[4];
    uint8_t *receive;
    uint32_t receive_bytes;
    volatile uint32_t received;
    uint32_t skip; /* bytes left of the answer to an earlier request */
    uint32_t seen; /* bytes that had moved at the last poll */
    uint32_t still; /* polls since */
    uint8_t tries;
} uart_storage;

tinyseg_storage *uart_storage_init(uart_storage *driver, uint32_t address, uint32_t interrupt, uint32_t capacity);

/* To be called by both interrupt handlers. */
void uart_storage_interrupt(uart_storage *driver);

#endif
