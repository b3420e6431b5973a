/* SPDX-License-Identifier: Apache-2.0 */
/* Storage at the other end of a serial line. UART: Arm Cortex-M System Design Kit, "APB UART". */
#include "uart_storage.h"

#include "tinyseg_crc32.h"

#define WORD(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define REGISTER(offset) WORD(driver->address + (offset))
#define UART_DATA REGISTER(0x0)
#define UART_STATE REGISTER(0x4)
#define UART_CONTROL REGISTER(0x8)
#define UART_INTERRUPT REGISTER(0xC)
#define UART_DIVIDER REGISTER(0x10)
#define SEND_FULL 1u
#define RECEIVE_FULL 2u
#define BOTH_WITH_INTERRUPTS 15u
#define BOTH_INTERRUPTS 3u
#define SMALLEST_DIVIDER 16u
#define INTERRUPT_ENABLE 0xE000E100u

#define REQUEST 0xA5u
#define ANSWER 0x5Au
#define HELLO 'H' /* asks for the capacity */
#define READ 'R'
#define WRITE 'W'
#define MOST_TRIES 4u
#define STILL_POLLS 3000000u /* without a byte, after which a request is repeated */
#define CRC_BYTES 4u

static void put_number(uint8_t *to, uint32_t number, uint32_t bytes)
{
    for (; bytes != 0u; --bytes, number >>= 8) {
        *to++ = (uint8_t)number;
    }
}

static uint32_t number_at(const uint8_t *from, uint32_t bytes)
{
    uint32_t number = 0;
    while (bytes != 0u) {
        number = number << 8 | from[--bytes];
    }
    return number;
}

/* Byte `at` of the request, in one of its three parts. */
static uint8_t byte_to_send(const uart_storage *driver, uint32_t at)
{
    if (at < UART_REQUEST_BYTES) {
        return driver->request[at];
    }
    at -= UART_REQUEST_BYTES;
    return at < driver->send_bytes ? driver->send[at] : driver->request_crc[at - driver->send_bytes];
}

/* A byte of the answer. What comes before its first byte is noise, or the answer to an earlier request. */
static void take(uart_storage *driver, uint8_t byte)
{
    uint32_t at = driver->received;
    if (driver->skip != 0u) {
        --driver->skip;
        return;
    }
    if (at == 0u && byte != ANSWER) {
        return;
    }
    driver->received = at + 1u;
    if (at < UART_ANSWER_BYTES) {
        driver->answer[at] = byte;
        if (at + 1u == UART_ANSWER_BYTES && driver->answer[2] != driver->request[2]) {
            driver->skip = number_at(driver->answer + 3, 2) + CRC_BYTES;
            driver->received = 0;
        }
        return;
    }
    at -= UART_ANSWER_BYTES;
    if (at < driver->receive_bytes) {
        driver->receive[at] = byte;
    } else if (at - driver->receive_bytes < CRC_BYTES) {
        driver->answer_crc[at - driver->receive_bytes] = byte;
    }
}

void uart_storage_interrupt(uart_storage *driver)
{
    UART_INTERRUPT = BOTH_INTERRUPTS;
    while ((UART_STATE & RECEIVE_FULL) != 0u) {
        take(driver, (uint8_t)UART_DATA);
    }
    const uint32_t total = UART_REQUEST_BYTES + driver->send_bytes + CRC_BYTES;
    while (driver->sent < total && (UART_STATE & SEND_FULL) == 0u) {
        const uint32_t at = driver->sent;
        driver->sent = at + 1u;
        UART_DATA = byte_to_send(driver, at);
    }
}

/* Sends the request (again). */
static void send(uart_storage *driver)
{
    UART_CONTROL = 0; /* no interrupt in between */
    driver->request[2] = (uint8_t)(driver->request[2] + 1u);
    const uint32_t crc = tinyseg_crc32(0, driver->request + 1, UART_REQUEST_BYTES - 1u);
    put_number(driver->request_crc, tinyseg_crc32(crc, driver->send, driver->send_bytes), CRC_BYTES);
    driver->sent = 0;
    driver->received = 0;
    driver->skip = 0;
    driver->still = 0;
    ++driver->tries;
    UART_CONTROL = BOTH_WITH_INTERRUPTS;
    do { /* at least once: QEMU looks for bytes to deliver when one is taken */
        (void)UART_DATA;
    } while ((UART_STATE & RECEIVE_FULL) != 0u);
    driver->sent = 1;
    UART_DATA = driver->request[0]; /* the interrupt sends the others */
}

static tinyseg_storage_status poll(void *user)
{
    uart_storage *driver = user;
    const uint32_t moved = driver->sent + driver->received;
    driver->still = moved == driver->seen ? driver->still + 1u : 0u;
    driver->seen = moved;
    if (driver->received < UART_ANSWER_BYTES + driver->receive_bytes + CRC_BYTES) {
        const bool refused = driver->received == UART_ANSWER_BYTES + CRC_BYTES && driver->answer[1] != 0u;
        if (driver->still < STILL_POLLS && !refused) {
            return TINYSEG_STORAGE_BUSY;
        }
        if (refused) {
            return TINYSEG_STORAGE_ERROR_FULL; /* beyond the end of what is served */
        }
    } else {
        const uint32_t crc = tinyseg_crc32(0, driver->answer + 1, UART_ANSWER_BYTES - 1u);
        if (driver->answer[1] == 0u && driver->answer[2] == driver->request[2] &&
            number_at(driver->answer + 3, 2) == driver->receive_bytes &&
            number_at(driver->answer_crc, CRC_BYTES) == tinyseg_crc32(crc, driver->receive, driver->receive_bytes)) {
            return TINYSEG_STORAGE_OK;
        }
    }
    if (driver->tries == MOST_TRIES) {
        return TINYSEG_STORAGE_ERROR_TIMEOUT;
    }
    send(driver);
    return TINYSEG_STORAGE_BUSY;
}

static void begin(uart_storage *driver, char operation, uint32_t offset, uint32_t length)
{
    driver->request[0] = REQUEST;
    driver->request[1] = (uint8_t)operation;
    put_number(driver->request + 3, length, 2);
    put_number(driver->request + 5, offset, 4);
    driver->tries = 0;
    send(driver);
}

static tinyseg_storage_status read(void *user, uint32_t offset, void *data, uint32_t bytes)
{
    uart_storage *driver = user;
    driver->send_bytes = 0;
    driver->receive = data;
    driver->receive_bytes = bytes;
    begin(driver, READ, offset, bytes);
    return TINYSEG_STORAGE_BUSY;
}

static tinyseg_storage_status write(void *user, uint32_t offset, const void *data, uint32_t bytes)
{
    uart_storage *driver = user;
    driver->send = data;
    driver->send_bytes = bytes;
    driver->receive_bytes = 0;
    begin(driver, WRITE, offset, bytes);
    return TINYSEG_STORAGE_BUSY;
}

static void cancel(void *user)
{
    uart_storage *driver = user;
    UART_CONTROL = 0;
}

static tinyseg_storage_status open(void *user, uint32_t bytes)
{
    uart_storage *driver = user;
    uint8_t capacity[4];
    UART_DIVIDER = SMALLEST_DIVIDER;
    WORD(INTERRUPT_ENABLE + 4u * (driver->interrupt / 32u)) = 3u << (driver->interrupt % 32u);
    driver->send_bytes = 0;
    driver->receive = capacity;
    driver->receive_bytes = sizeof capacity;
    begin(driver, HELLO, 0, sizeof capacity);
    tinyseg_storage_status status;
    do {
        status = poll(driver);
    } while (status == TINYSEG_STORAGE_BUSY); /* it gives up after so many tries */
    if (status == TINYSEG_STORAGE_ERROR_TIMEOUT) {
        return TINYSEG_STORAGE_ERROR_REMOVED; /* nobody is there */
    }
    if (status != TINYSEG_STORAGE_OK) {
        return status;
    }
    return number_at(capacity, sizeof capacity) < bytes ? TINYSEG_STORAGE_ERROR_FULL : TINYSEG_STORAGE_OK;
}

tinyseg_storage *uart_storage_init(uart_storage *driver, uint32_t address, uint32_t interrupt, uint32_t capacity)
{
    driver->address = address;
    driver->interrupt = interrupt;
    driver->storage.user = driver;
    driver->storage.block_bytes = 1;
    driver->storage.capacity = capacity;
    driver->storage.patience = 0xFFFFFFFFu; /* the driver counts itself */
    driver->storage.open = open;
    driver->storage.read = read;
    driver->storage.write = write;
    driver->storage.poll = poll;
    driver->storage.cancel = cancel;
    return &driver->storage;
}
