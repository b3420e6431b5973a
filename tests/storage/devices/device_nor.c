#include <string.h>
#include "driver_faults.h"
#include "nor_storage.h"

#define SECTOR 512u
#define PAGE 64u

static uint32_t busy, erased[4];
static nor_storage driver;

static tinyseg_storage_status read(void *user, uint32_t address, void *data, uint32_t bytes)
{
    (void)user;
    operation();
    const outcome found = outcome_of(address, bytes);
    if (now == REFUSE || silent || busy != 0u) {
        return TINYSEG_STORAGE_ERROR_READ;
    }
    if (!found.lost && found.bytes != 0u) {
        memcpy(data, medium + found.offset, found.bytes);
        *(uint8_t *)data ^= found.flip;
    }
    return TINYSEG_STORAGE_OK;
}

static tinyseg_storage_status erase(void *user, uint32_t address)
{
    (void)user;
    operation();
    const outcome found = outcome_of(address, SECTOR);
    if (now == REFUSE || busy != 0u) {
        return TINYSEG_STORAGE_ERROR_WRITE;
    }
    if (!found.lost) {
        memset(medium + found.offset, 0xFF, found.bytes);
        medium[found.offset] ^= found.flip;
    }
    busy = slow ? 40u : 0u;
    return TINYSEG_STORAGE_OK;
}

static tinyseg_storage_status program(void *user, uint32_t address, const void *data, uint32_t bytes)
{
    const uint8_t *from = data;
    (void)user;
    operation();
    const outcome found = outcome_of(address, bytes);
    if (now == REFUSE || busy != 0u) {
        return TINYSEG_STORAGE_ERROR_WRITE;
    }
    for (uint32_t i = 0; i < found.bytes && !found.lost; ++i) {
        medium[found.offset + i] = (uint8_t)(medium[found.offset + i] & (from[i] ^ (i == 0u ? found.flip : 0u)));
    }
    busy = slow ? 3u : 0u;
    return TINYSEG_STORAGE_OK;
}

static tinyseg_storage_status is_busy(void *user)
{
    (void)user;
    if (silent) {
        return TINYSEG_STORAGE_BUSY;
    }
    busy -= busy != 0u ? 1u : 0u;
    return busy != 0u ? TINYSEG_STORAGE_BUSY : TINYSEG_STORAGE_OK;
}

static uint32_t entropy(void *user)
{
    (void)user;
    return flash_number; /* what tells this flash from others */
}

tinyseg_storage *device_start(void)
{
    static const nor_flash flash = {32u * SECTOR, SECTOR, PAGE, read, erase, program, is_busy, NULL};
    memset(&driver, 0, sizeof driver);
    busy = 0;
    tinyseg_storage *storage = nor_storage_init(&driver, &flash, erased);
    storage->patience = 1000;
    storage->entropy = entropy;
    return storage;
}
