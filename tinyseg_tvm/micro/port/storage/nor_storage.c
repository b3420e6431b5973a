/* SPDX-License-Identifier: Apache-2.0 */
/* Storage on raw NOR flash. */
#include "nor_storage.h"

#include <string.h>

#define MAGIC 0x31474F4Cu /* "LOG1" */
#define BUSY_TRIES (1u << 24)

/* In the first page of an inference. `check` makes a torn or never written header recognisable. */
typedef struct {
    uint32_t magic;
    uint32_t number;
    uint32_t sectors;
    uint32_t check;
} log_header;

static uint32_t check_of(const log_header *header)
{
    return ~(header->magic ^ (header->number * 2654435761u) ^ (header->sectors << 16));
}

static uint32_t sectors_of(const nor_flash *flash)
{
    return flash->bytes / flash->sector_bytes;
}

static tinyseg_storage_status wait(const nor_flash *flash)
{
    for (uint32_t i = 0; i < BUSY_TRIES; ++i) {
        const tinyseg_storage_status status = flash->busy(flash->user);
        if (status != TINYSEG_STORAGE_BUSY) {
            return status;
        }
    }
    return TINYSEG_STORAGE_ERROR_TIMEOUT;
}

/* Finds the latest inference of the log. */
static tinyseg_storage_status search(nor_storage *driver)
{
    const nor_flash *flash = driver->flash;
    log_header header;
    driver->number = 0;
    if (driver->storage.entropy != NULL) { /* of a flash without a log: others have another */
        driver->number = driver->storage.entropy(driver->storage.user);
    }
    driver->sector = 0;
    driver->sectors = 0;
    for (uint32_t sector = 0; sector < sectors_of(flash); ++sector) {
        const tinyseg_storage_status status =
            flash->read(flash->user, sector * flash->sector_bytes, &header, sizeof header);
        if (status != TINYSEG_STORAGE_OK) {
            return status;
        }
        const bool valid = header.magic == MAGIC && header.check == check_of(&header) &&
                           header.sectors <= sectors_of(flash) - sector;
        if (valid && (driver->sectors == 0u || header.number - driver->number < 0x80000000u)) {
            driver->number = header.number;
            driver->sector = sector;
            driver->sectors = header.sectors;
        }
    }
    driver->found = true;
    return TINYSEG_STORAGE_OK;
}

static tinyseg_storage_status erase_sector(nor_storage *driver, uint32_t index)
{
    driver->erased[index / 32u] |= 1u << (index % 32u);
    ++driver->storage.traffic.erases;
    return driver->flash->erase(driver->flash->user, (driver->sector + index) * driver->flash->sector_bytes);
}

static tinyseg_storage_status open(void *user, uint32_t bytes)
{
    nor_storage *driver = user;
    const nor_flash *flash = driver->flash;
    driver->remaining = 0;
    tinyseg_storage_status status = wait(flash); /* an inference that was given up may still erase */
    if (status == TINYSEG_STORAGE_OK && !driver->found) {
        status = search(driver);
    }
    if (status != TINYSEG_STORAGE_OK) {
        return status;
    }
    const uint32_t needed = (flash->page_bytes + bytes + flash->sector_bytes - 1u) / flash->sector_bytes;
    if (needed > sectors_of(flash)) {
        return TINYSEG_STORAGE_ERROR_FULL;
    }
    const uint32_t next = driver->sector + driver->sectors;
    driver->sector = next + needed <= sectors_of(flash) ? next : 0u;
    driver->sectors = needed;
    ++driver->number;
    memset(driver->erased, 0, (needed + 31u) / 32u * sizeof driver->erased[0]);
    status = erase_sector(driver, 0);
    if (status == TINYSEG_STORAGE_OK) {
        status = wait(flash);
    }
    if (status != TINYSEG_STORAGE_OK) {
        return status;
    }
    log_header header = {MAGIC, driver->number, needed, 0};
    header.check = check_of(&header);
    status = flash->program(flash->user, driver->sector * flash->sector_bytes, &header, sizeof header);
    log_header written = {0, 0, 0, 0};
    status = status == TINYSEG_STORAGE_OK ? wait(flash) : status;
    if (status == TINYSEG_STORAGE_OK) {
        status = flash->read(flash->user, driver->sector * flash->sector_bytes, &written, sizeof written);
    }
    if (status == TINYSEG_STORAGE_OK && memcmp(&written, &header, sizeof header) != 0) {
        status = TINYSEG_STORAGE_ERROR_WRITE; /* its number would come again after a reset */
    }
    return status;
}

static uint32_t number(void *user)
{
    const nor_storage *driver = user;
    return driver->number;
}

/* Where the inference's data begins: behind the page of its header. */
static uint32_t address_of(const nor_storage *driver, uint32_t offset)
{
    return driver->sector * driver->flash->sector_bytes + driver->flash->page_bytes + offset;
}

static tinyseg_storage_status read(void *user, uint32_t offset, void *data, uint32_t bytes)
{
    const nor_storage *driver = user;
    return driver->flash->read(driver->flash->user, address_of(driver, offset), data, bytes);
}

/* Goes on with a write: erases the sector that it has come to, or programs a page. */
static tinyseg_storage_status poll(void *user)
{
    nor_storage *driver = user;
    const nor_flash *flash = driver->flash;
    tinyseg_storage_status status = flash->busy(flash->user);
    while (status == TINYSEG_STORAGE_OK && driver->remaining != 0u) {
        const uint32_t index = driver->address / flash->sector_bytes - driver->sector;
        if ((driver->erased[index / 32u] >> (index % 32u) & 1u) == 0u) {
            status = erase_sector(driver, index);
        } else {
            const uint32_t room = flash->page_bytes - driver->address % flash->page_bytes;
            const uint32_t bytes = driver->remaining < room ? driver->remaining : room;
            status = flash->program(flash->user, driver->address, driver->data, bytes);
            driver->address += bytes;
            driver->data += bytes;
            driver->remaining -= bytes;
        }
        if (status == TINYSEG_STORAGE_OK) {
            status = flash->busy(flash->user);
        }
    }
    return status;
}

static tinyseg_storage_status write(void *user, uint32_t offset, const void *data, uint32_t bytes)
{
    nor_storage *driver = user;
    driver->address = address_of(driver, offset);
    driver->data = data;
    driver->remaining = bytes;
    return poll(driver);
}

static void cancel(void *user)
{
    nor_storage *driver = user;
    driver->remaining = 0; /* the flash ends on its own what it is at: the next inference waits for it */
}

tinyseg_storage *nor_storage_init(nor_storage *driver, const nor_flash *flash, uint32_t *erased)
{
    driver->flash = flash;
    driver->erased = erased;
    driver->storage.user = driver;
    driver->storage.block_bytes = 1;
    driver->storage.capacity = flash->bytes - flash->page_bytes;
    driver->storage.open = open;
    driver->storage.number = number;
    driver->storage.read = read;
    driver->storage.write = write;
    driver->storage.poll = poll;
    driver->storage.cancel = cancel;
    return &driver->storage;
}
