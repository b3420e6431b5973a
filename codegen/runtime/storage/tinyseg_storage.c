/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of a storage's transfers.
 *
 * One writer (the network: `asked`) and one reader (the end of a transfer, maybe in an interrupt: `ended`). The network
 * publishes a transfer before it looks whether the storage is idle, and an interrupt looks for further transfers before
 * it declares it idle: whatever comes first, exactly one of them begins the transfer. */
#include "tinyseg_storage.h"

#define DEFAULT_PATIENCE (1u << 24)

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
    storage->run = (uint16_t)(storage->run + 1u);
    const tinyseg_storage_status status =
        storage->open != NULL ? storage->open(storage->user, bytes) : TINYSEG_STORAGE_OK;
    storage->error = (uint8_t)status;
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
    }
    return TINYSEG_STORAGE_OK;
}
