/* SPDX-License-Identifier: Apache-2.0 */
/* Storage of exactly known speed. Timer: Arm Cortex-M System Design Kit, "APB timer". */
#include "timed_storage.h"

#include "port.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define TIMER_CONTROL 0x0u
#define TIMER_VALUE 0x4u
#define TIMER_RELOAD 0x8u
#define TIMER_INTERRUPT 0xCu
#define TIMER_ON 9u /* enabled, with interrupt */
#define INTERRUPT_ENABLE 0xE000E100u

static void stop(const timed_storage *driver)
{
    REGISTER(driver->model->address + TIMER_CONTROL) = 0;
    REGISTER(driver->model->address + TIMER_INTERRUPT) = 1;
}

static tinyseg_storage_status open(void *user, uint32_t bytes)
{
    timed_storage *driver = user;
    if (driver->file == 0) {
        static const uint8_t zero = 0;
        driver->file = port_open_update(driver->name) + 1;
        if (driver->file > 0 && !port_write_at(driver->file - 1, bytes - 1u, &zero, 1)) { /* so that all can be read */
            return TINYSEG_STORAGE_ERROR_WRITE;
        }
    }
    stop(driver);
    REGISTER(INTERRUPT_ENABLE + 4u * (driver->model->interrupt / 32u)) = 1u << (driver->model->interrupt % 32u);
    return driver->file > 0 ? TINYSEG_STORAGE_OK : TINYSEG_STORAGE_ERROR_REMOVED;
}

static tinyseg_storage_status begin(timed_storage *driver, bool write, uint32_t offset, uint8_t *data, uint32_t bytes)
{
    const uint32_t pace = write ? driver->model->write_ticks_per_64 : driver->model->read_ticks_per_64;
    const uint32_t ticks = driver->model->latency + ((bytes * pace) >> 6) + 1u;
    driver->write = write;
    driver->offset = offset;
    driver->data = data;
    driver->bytes = bytes;
    REGISTER(driver->model->address + TIMER_RELOAD) = ticks;
    REGISTER(driver->model->address + TIMER_VALUE) = ticks;
    REGISTER(driver->model->address + TIMER_CONTROL) = TIMER_ON;
    return TINYSEG_STORAGE_BUSY;
}

void timed_storage_interrupt(timed_storage *driver)
{
    stop(driver);
    if (driver->data == NULL) {
        return; /* given up */
    }
    uint8_t *data = driver->data;
    tinyseg_storage_status status = TINYSEG_STORAGE_OK;
    driver->data = NULL;
    if (driver->write) {
        if (!port_write_at(driver->file - 1, driver->offset, data, driver->bytes)) {
            status = TINYSEG_STORAGE_ERROR_WRITE;
        }
    } else if (!port_read(driver->file - 1, driver->offset, data, driver->bytes)) {
        status = TINYSEG_STORAGE_ERROR_READ;
    }
    tinyseg_storage_finish(&driver->storage, status);
}

static tinyseg_storage_status read(void *user, uint32_t offset, void *data, uint32_t bytes)
{
    return begin(user, false, offset, data, bytes);
}

static tinyseg_storage_status write(void *user, uint32_t offset, const void *data, uint32_t bytes)
{
    return begin(user, true, offset, (uint8_t *)(uintptr_t)data, bytes); /* only read */
}

static void cancel(void *user)
{
    timed_storage *driver = user;
    stop(driver);
    driver->data = NULL;
}

tinyseg_storage *timed_storage_init(timed_storage *driver, const timed_storage_model *model, const char *name,
                                    uint32_t capacity, uint32_t block_bytes)
{
    driver->model = model;
    driver->name = name;
    driver->storage.user = driver;
    driver->storage.block_bytes = block_bytes;
    driver->storage.capacity = capacity;
    driver->storage.open = open;
    driver->storage.read = read;
    driver->storage.write = write;
    driver->storage.cancel = cancel;
    return &driver->storage;
}
