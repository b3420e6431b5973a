/* SPDX-License-Identifier: Apache-2.0 */
/* Storage in memory that the processor reaches like any other. */
#include "memory_storage.h"

#include <string.h>

static tinyseg_storage_status read(void *user, uint32_t offset, void *data, uint32_t bytes)
{
    const memory_storage *driver = user;
    memcpy(data, driver->memory + offset, bytes);
    return TINYSEG_STORAGE_OK;
}

static tinyseg_storage_status write(void *user, uint32_t offset, const void *data, uint32_t bytes)
{
    const memory_storage *driver = user;
    memcpy(driver->memory + offset, data, bytes);
    return TINYSEG_STORAGE_OK;
}

tinyseg_storage *memory_storage_init(memory_storage *driver, void *memory, uint32_t bytes)
{
    driver->memory = memory;
    driver->storage.user = driver;
    driver->storage.block_bytes = 1;
    driver->storage.capacity = bytes;
    driver->storage.read = read;
    driver->storage.write = write;
    return &driver->storage;
}
