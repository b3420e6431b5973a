/* SPDX-License-Identifier: Apache-2.0 */
/* Files, console and exit of port.h over a serial line, at whose other end is `tinyseg run --transport uart`.
 *
 *   request   A5  operation  payload bytes (2)      payload        CRC-32 (4)
 *   answer    5A  the request's CRC-32 (4)  result (4)  data (R)   CRC-32 (4)
 *
 *   operation   payload                          result
 *   O open      mode, program (4), name          handle, or -1
 *   L length    handle                           bytes of the file
 *   R read      handle, offset, bytes            bytes, which follow as data, or -1
 *   W write     handle, offset, data             0, or -1
 *   C close     handle                           0
 *   P print     text                             0
 *   X exit      status                           0
 *
 * Numbers are little endian, of 4 bytes where nothing else is said; a check sum is of all behind the first byte. Every
 * request may come twice, with the same effect: where no right answer comes it is repeated, without any memory of what
 * was sent before. An answer names its request by the check sum. After so many tries, and behind an exit, the board
 * resets itself: it then waits for the next run, in its first request. Payloads are sent from and received into place. */
#include "../semihosting.h"
#include "port.h"
#include "uart.h"

#define REQUEST 0xA5u
#define ANSWER 0x5A
#define CHUNK_BYTES 1024u
#define MOST_TRIES 20u
#define MODE_READ 0u
#define MODE_WRITE 1u
#define MODE_UPDATE 2u
#define SYSTEM_RESET (*(volatile uint32_t *)(uintptr_t)0xE000ED0C) /* Application Interrupt and Reset Control Register */
#define RESET_REQUEST 0x05FA0004u

/* The build ID that the linker made: a note of 16 bytes, and behind them a hash of the program. */
extern const uint8_t program_id[];
#define NOTE_BYTES 16

typedef struct {
    const void *data;
    size_t bytes;
} part;

static uint32_t crc_of(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++) {
        crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
    }
    return crc;
}

static uint32_t send(uint32_t crc, const void *data, size_t bytes)
{
    const uint8_t *from = data;
    for (; bytes != 0u; bytes--) {
        crc = crc_of(crc, *from);
        uart_put(*from++);
    }
    return crc;
}

/* The next byte, or -1 where none comes for about a second. */
static int wait_for_byte(void)
{
    for (uint32_t polls = UART_PATIENCE; polls != 0u; polls--) {
        const int byte = uart_get();
        if (byte >= 0) {
            return byte;
        }
    }
    return -1;
}

static bool receive(uint32_t *crc, void *data, size_t bytes)
{
    uint8_t *to = data;
    for (; bytes != 0u; bytes--) {
        const int byte = wait_for_byte();
        if (byte < 0) {
            return false;
        }
        *crc = crc_of(*crc, (uint8_t)byte);
        *to++ = (uint8_t)byte;
    }
    return true;
}

/* The rest of an answer to the request with that check sum, whose data are as long as they must be where it succeeded. */
static bool receive_answer(uint32_t request_crc, int32_t *result, void *into, size_t into_bytes)
{
    uint32_t crc = 0xFFFFFFFFu;
    uint32_t answered, given;
    if (!receive(&crc, &answered, sizeof answered) || answered != request_crc || !receive(&crc, result, sizeof *result) ||
        !receive(&crc, into, *result >= 0 ? into_bytes : 0u)) {
        return false;
    }
    const uint32_t expected = ~crc;
    return receive(&crc, &given, sizeof given) && given == expected;
}

static __attribute__((noreturn)) void reset(void)
{
    for (;;) {
        SYSTEM_RESET = RESET_REQUEST;
    }
}

/* The result of a request with a payload of two parts; data of the answer go to `into`. */
static int32_t request(char operation, part head, part body, void *into, size_t into_bytes)
{
    const size_t bytes = head.bytes + body.bytes;
    const uint8_t begin[3] = { (uint8_t)operation, (uint8_t)bytes, (uint8_t)(bytes >> 8) };
    for (uint32_t tries = 0; tries < MOST_TRIES; tries++) {
        uart_put(REQUEST);
        const uint32_t crc = ~send(send(send(0xFFFFFFFFu, begin, sizeof begin), head.data, head.bytes), body.data, body.bytes);
        (void)send(0, &crc, sizeof crc);
        int byte;
        while ((byte = wait_for_byte()) >= 0) {
            int32_t result;
            if (byte == ANSWER && receive_answer(crc, &result, into, into_bytes)) {
                return result;
            }
        }
    }
    reset(); /* nobody is there */
}

void uart_begin(void)
{
    static const uint32_t changes[][3] = UART_SETUP;
    for (const uint32_t *change = changes[0]; change[0] != 0u; change += 3) {
        volatile uint32_t *place = (volatile uint32_t *)(uintptr_t)change[0];
        *place = (*place & ~change[1]) | change[2];
    }
    uart_open();
}

static size_t length_of(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}

static int32_t open_file(const char *name, uint8_t mode)
{
    uint8_t head[5] = { mode };
    for (int i = 0; i < 4; i++) {
        head[1 + i] = program_id[NOTE_BYTES + i];
    }
    return request('O', (part){ head, sizeof head }, (part){ name, length_of(name) }, NULL, 0);
}

int32_t port_open(const char *name, bool writable)
{
    return open_file(name, writable ? MODE_WRITE : MODE_READ);
}

int32_t port_open_update(const char *name)
{
    return open_file(name, MODE_UPDATE);
}

bool port_read(int32_t file, uint32_t offset, void *data, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += CHUNK_BYTES) {
        const uint32_t size = (uint32_t)(bytes - at < CHUNK_BYTES ? bytes - at : CHUNK_BYTES);
        const uint32_t head[3] = { (uint32_t)file, offset + (uint32_t)at, size };
        if (request('R', (part){ head, sizeof head }, (part){ NULL, 0 }, (uint8_t *)data + at, size) != (int32_t)size) {
            return false;
        }
    }
    return true;
}

bool port_write_at(int32_t file, uint32_t offset, const void *data, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += CHUNK_BYTES) {
        const size_t size = bytes - at < CHUNK_BYTES ? bytes - at : CHUNK_BYTES;
        const uint32_t head[2] = { (uint32_t)file, offset + (uint32_t)at };
        if (request('W', (part){ head, sizeof head }, (part){ (const uint8_t *)data + at, size }, NULL, 0) != 0) {
            return false;
        }
    }
    return true;
}

bool port_write(int32_t file, const void *data, size_t bytes)
{
    const int32_t end = request('L', (part){ &file, sizeof file }, (part){ NULL, 0 }, NULL, 0);
    return end >= 0 && port_write_at(file, (uint32_t)end, data, bytes);
}

void port_close(int32_t file)
{
    (void)request('C', (part){ &file, sizeof file }, (part){ NULL, 0 }, NULL, 0);
}

void semihosting_print(const char *text)
{
    (void)request('P', (part){ text, length_of(text) }, (part){ NULL, 0 }, NULL, 0);
}

void port_exit(int status)
{
    (void)request('X', (part){ &status, sizeof status }, (part){ NULL, 0 }, NULL, 0);
    reset();
}
