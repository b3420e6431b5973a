/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of a storage's transfers.
 *
 * One writer (the network: `asked`) and one reader (the end of a transfer, maybe in an interrupt: `ended`). The network
 * publishes a transfer before it looks whether the storage is idle, and an interrupt looks for further transfers before
 * it declares it idle: whatever comes first, exactly one of them begins the transfer. */
#include "tinyseg_storage.h"

#include <string.h>

#include "tinyseg_crc32.h"

#if defined(__GNUC__)
#define SELDOM __attribute__((noinline, cold)) /* once after a reset: as small as it gets */
#else
#define SELDOM
#endif

#define DEFAULT_PATIENCE (1u << 24)

#define RESERVED 4096u   /* numbers reserved by one write to the medium: it outlives 2^20 resets before they come again */
#define HEADER 0x54534547u

/* In each of the medium's first two blocks (of eight bytes or more): the first number that is not reserved. */
typedef struct {
    uint32_t next;
    uint32_t check;
} tinyseg_numbers;

#define NOISE_BYTES 64u /* of a line, at most: a camera's differ */

/* Begins transfers until one takes time. The storage is idle. */
static void begin(tinyseg_storage *storage)
{
    while (storage->error == TINYSEG_STORAGE_OK && storage->ended != storage->asked) {
        const tinyseg_transfer *transfer = &storage->queue[storage->ended & storage->mask];
        storage->busy = true;
        const tinyseg_storage_status status =
            transfer->write ? storage->write(storage->user, transfer->offset, transfer->data, transfer->bytes)
                            : storage->read(storage->user, transfer->offset, transfer->data, transfer->bytes);
        if (status == TINYSEG_STORAGE_BUSY) {
            return; /* it may even have ended meanwhile, in an interrupt */
        }
        storage->busy = false;
        if (status == TINYSEG_STORAGE_OK) {
            storage->ended = storage->ended + 1u;
        } else {
            storage->error = (uint8_t)status;
        }
    }
}

void tinyseg_storage_finish(tinyseg_storage *storage, tinyseg_storage_status status)
{
    if (!storage->busy) {
        return; /* given up */
    }
    if (status == TINYSEG_STORAGE_OK) {
        storage->ended = storage->ended + 1u;
    } else if (storage->error == TINYSEG_STORAGE_OK) {
        storage->error = (uint8_t)status;
    }
    storage->busy = false;
    begin(storage);
}

void tinyseg_storage_advance(tinyseg_storage *storage)
{
    if (storage->busy && storage->poll != NULL) {
        const tinyseg_storage_status status = storage->poll(storage->user);
        if (status != TINYSEG_STORAGE_BUSY) {
            tinyseg_storage_finish(storage, status);
        }
    }
}

void tinyseg_storage_close(tinyseg_storage *storage)
{
    if (storage->error == TINYSEG_STORAGE_OK) {
        storage->error = TINYSEG_STORAGE_ERROR_TIMEOUT; /* so that no interrupt begins another transfer */
    }
    if (storage->busy) {
        if (storage->cancel != NULL) {
            storage->cancel(storage->user);
        }
        storage->busy = false;
    }
    storage->ended = storage->asked;
}

tinyseg_storage_status tinyseg_storage_open(tinyseg_storage *storage, uint32_t bytes, uint32_t block_bytes)
{
    const tinyseg_storage_traffic none = {0, 0, 0, 0, 0};
    if (storage->read == NULL || storage->write == NULL || storage->block_bytes == 0u ||
        (block_bytes & (storage->block_bytes - 1u)) != 0u || block_bytes < storage->block_bytes) {
        return TINYSEG_STORAGE_ERROR_GEOMETRY;
    }
    if (bytes > storage->capacity) {
        return TINYSEG_STORAGE_ERROR_FULL;
    }
    tinyseg_storage_close(storage);
    storage->traffic = none;
    if (storage->error == TINYSEG_STORAGE_ERROR_REMOVED) {
        storage->numbered = false; /* it may be another medium now */
    }
    ++storage->run;
    if (storage->run == storage->reserved) {
        storage->numbered = false;
    }
    const tinyseg_storage_status status =
        storage->open != NULL ? storage->open(storage->user, bytes) : TINYSEG_STORAGE_OK;
    storage->error = (uint8_t)status;
    if (status == TINYSEG_STORAGE_OK && storage->number != NULL) {
        storage->run = storage->number(storage->user);
        storage->numbered = true;
    }
    return status;
}

uint32_t tinyseg_storage_ask(tinyseg_storage *storage, bool write, uint32_t offset, uint8_t *data, uint32_t bytes)
{
    const uint32_t ticket = storage->asked;
    tinyseg_transfer *transfer = &storage->queue[ticket & storage->mask];
    transfer->data = data;
    transfer->offset = offset;
    transfer->bytes = bytes;
    transfer->write = write;
    if (write) {
        storage->traffic.written_physical += bytes;
    } else {
        storage->traffic.read_physical += bytes;
    }
#if defined(__GNUC__)
    __asm__ volatile("" ::: "memory"); /* the transfer is complete before an interrupt can see it */
#endif
    storage->asked = ticket + 1u;
    if (storage->busy) {
        tinyseg_storage_advance(storage);
    } else {
        begin(storage);
    }
    return ticket;
}

tinyseg_storage_status tinyseg_storage_wait(tinyseg_storage *storage, uint32_t ticket)
{
    uint32_t polls = storage->patience != 0u ? storage->patience : DEFAULT_PATIENCE;
    while (storage->ended - ticket - 1u >= 0x80000000u) { /* not yet ended */
        if (storage->error != TINYSEG_STORAGE_OK) {
            return (tinyseg_storage_status)storage->error;
        }
        if (polls == 0u) {
            storage->error = TINYSEG_STORAGE_ERROR_TIMEOUT;
            return TINYSEG_STORAGE_ERROR_TIMEOUT;
        }
        --polls;
        tinyseg_storage_advance(storage);
#ifdef TINYSEG_IDLE
        if (storage->busy) {
            TINYSEG_IDLE(); /* the application's: sleeps, or lets other threads run */
        }
#endif
    }
    return TINYSEG_STORAGE_OK;
}

SELDOM static tinyseg_storage_status transfer_header(tinyseg_storage *storage, bool write, uint32_t slot,
                                                     uint8_t *buffer, uint32_t bytes)
{
    const tinyseg_storage_traffic counted = storage->traffic; /* of records alone */
    if (!write) {
        memset(buffer, 0, sizeof(tinyseg_numbers)); /* so that a read which does nothing finds nothing */
    }
    const tinyseg_storage_status status =
        tinyseg_storage_wait(storage, tinyseg_storage_ask(storage, write, slot * bytes, buffer, bytes));
    storage->traffic.written_physical = counted.written_physical;
    storage->traffic.read_physical = counted.read_physical;
    return status;
}

static uint32_t check_of(uint32_t next)
{
    return ~(next * 2654435761u) ^ HEADER; /* another for each number */
}

/* The two blocks are written in turn, so that a cut leaves one of them. One that is not valid may have been read wrongly
 * and have reserved the numbers which follow those of the other: they are left out. Where neither is, the first number
 * follows from what they hold and from the line that is spilled, so that two blank media hardly begin alike. */
SELDOM tinyseg_storage_status tinyseg_storage_number(tinyseg_storage *storage, uint8_t *buffer, uint32_t block_bytes,
                                                     const uint8_t *line, uint32_t line_bytes)
{
    const uint32_t bytes = block_bytes < sizeof(tinyseg_numbers) ? (uint32_t)sizeof(tinyseg_numbers) : block_bytes;
    tinyseg_numbers header[2];
    bool valid[2];
    for (uint32_t slot = 0; slot < 2u; ++slot) {
        const tinyseg_storage_status status = transfer_header(storage, false, slot, buffer, bytes);
        if (status != TINYSEG_STORAGE_OK) {
            return status;
        }
        memcpy(&header[slot], buffer, sizeof header[slot]);
        valid[slot] = header[slot].check == check_of(header[slot].next);
    }
    const uint32_t newer = valid[1] && (!valid[0] || header[1].next - header[0].next < 0x80000000u) ? 1u : 0u;
    uint32_t first = header[newer].next;
    if (!valid[newer]) {
        const uint32_t noise = line_bytes < NOISE_BYTES ? line_bytes : NOISE_BYTES;
        first = storage->entropy != NULL ? storage->entropy(storage->user)
                                         : tinyseg_crc32(header[0].next ^ header[1].next, line, noise);
    } else if (!valid[1u - newer]) {
        first += RESERVED;
    }
    if (storage->reserved != 0u && first - storage->run >= 0x80000000u) {
        first = storage->run; /* the medium is behind what was used since the reset */
    }
    const tinyseg_numbers wanted = {first + RESERVED, check_of(first + RESERVED)};
    memcpy(buffer, &wanted, sizeof wanted);
    tinyseg_storage_status status = transfer_header(storage, true, 1u - newer, buffer, bytes);
    if (status == TINYSEG_STORAGE_OK) {
        status = transfer_header(storage, false, 1u - newer, buffer, bytes);
    }
    if (status == TINYSEG_STORAGE_OK && memcmp(buffer, &wanted, sizeof wanted) != 0) {
        storage->error = TINYSEG_STORAGE_ERROR_CRC; /* numbers that are not reserved might come again */
        status = TINYSEG_STORAGE_ERROR_CRC;
    }
    if (status == TINYSEG_STORAGE_OK) {
        storage->run = first;
        storage->reserved = wanted.next;
        storage->numbered = true;
    }
    return status;
}
