/* SPDX-License-Identifier: Apache-2.0 */
/* Storage in a file of the working directory. */
#include "file_storage.h"

#include "port.h"

static tinyseg_storage_status open(void *user, uint32_t bytes)
{
    file_storage *driver = user;
    if (driver->file == 0) {
        static const uint8_t zero = 0;
        driver->file = port_open_update(driver->name) + 1;
        if (driver->file > 0 && !port_write_at(driver->file - 1, bytes - 1u, &zero, 1)) { /* so that all can be read */
            return TINYSEG_STORAGE_ERROR_WRITE;
        }
    }
    return driver->file > 0 ? TINYSEG_STORAGE_OK : TINYSEG_STORAGE_ERROR_REMOVED;
}

static tinyseg_storage_status read(void *user, uint32_t offset, void *data, uint32_t bytes)
{
    const file_storage *driver = user;
    return port_read(driver->file - 1, offset, data, bytes) ? TINYSEG_STORAGE_OK : TINYSEG_STORAGE_ERROR_READ;
}

static tinyseg_storage_status write(void *user, uint32_t offset, const void *data, uint32_t bytes)
{
    const file_storage *driver = user;
    return port_write_at(driver->file - 1, offset, data, bytes) ? TINYSEG_STORAGE_OK : TINYSEG_STORAGE_ERROR_WRITE;
}

tinyseg_storage *file_storage_init(file_storage *driver, const char *name, uint32_t capacity, uint32_t block_bytes)
{
    driver->name = name;
    driver->storage.user = driver;
    driver->storage.block_bytes = block_bytes;
    driver->storage.capacity = capacity;
    driver->storage.open = open;
    driver->storage.read = read;
    driver->storage.write = write;
    return &driver->storage;
}
