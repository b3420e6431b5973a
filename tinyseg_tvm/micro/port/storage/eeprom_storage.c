/* SPDX-License-Identifier: Apache-2.0 */
/* Storage on an I2C EEPROM (NXP UM10204, "I2C-bus specification"; Microchip AT24C256C data sheet). */
#include "eeprom_storage.h"

#define DEVICE 0x50u
#define READ_FLAG 1u
#define PATIENCE 100000u /* polls of about a millisecond's tenth: a page takes 5 ms */
#define LARGEST_CAPACITY 0x10000u

static void clock(const eeprom_storage *driver, bool level)
{
    driver->lines->set_clock(driver->address, level);
}

static void put_data(const eeprom_storage *driver, bool level)
{
    driver->lines->set_data(driver->address, level);
}

static void start(const eeprom_storage *driver)
{
    put_data(driver, true);
    clock(driver, true);
    put_data(driver, false);
    clock(driver, false);
}

static void stop(const eeprom_storage *driver)
{
    put_data(driver, false);
    clock(driver, true);
    put_data(driver, true);
}

/* Sends a byte; whether the memory took it. */
static bool send(const eeprom_storage *driver, uint32_t byte)
{
    for (uint32_t bit = 0x80; bit != 0u; bit >>= 1) {
        put_data(driver, (byte & bit) != 0u);
        clock(driver, true);
        clock(driver, false);
    }
    put_data(driver, true);
    clock(driver, true);
    const bool taken = !driver->lines->data(driver->address);
    clock(driver, false);
    return taken;
}

/* Receives a byte, and asks for a further one or not. */
static uint8_t receive(const eeprom_storage *driver, bool further)
{
    uint32_t byte = 0;
    put_data(driver, true);
    for (uint32_t bit = 0; bit < 8u; ++bit) {
        clock(driver, true);
        byte = byte << 1 | (driver->lines->data(driver->address) ? 1u : 0u);
        clock(driver, false);
    }
    put_data(driver, !further);
    clock(driver, true);
    clock(driver, false);
    return (uint8_t)byte;
}

/* Says where the next bytes are. False where the memory does not answer: it is programming, or not there. */
static bool address_memory(const eeprom_storage *driver, uint32_t offset)
{
    start(driver);
    if (send(driver, (uint32_t)driver->device << 1) && send(driver, offset >> 8) && send(driver, offset & 0xFFu)) {
        return true;
    }
    stop(driver);
    return false;
}

static tinyseg_storage_status open(void *user, uint32_t bytes)
{
    eeprom_storage *driver = user;
    (void)bytes;
    driver->remaining = 0;
    stop(driver);
    for (uint32_t i = 0; i < PATIENCE; ++i) {
        if (address_memory(driver, 0)) {
            stop(driver);
            return TINYSEG_STORAGE_OK;
        }
    }
    return TINYSEG_STORAGE_ERROR_REMOVED;
}

static tinyseg_storage_status read(void *user, uint32_t offset, void *data, uint32_t bytes)
{
    const eeprom_storage *driver = user;
    uint8_t *to = data;
    if (!address_memory(driver, offset)) {
        return TINYSEG_STORAGE_ERROR_REMOVED; /* it was idle before */
    }
    start(driver);
    if (!send(driver, (uint32_t)driver->device << 1 | READ_FLAG)) {
        stop(driver);
        return TINYSEG_STORAGE_ERROR_READ;
    }
    for (; bytes != 0u; --bytes) {
        *to++ = receive(driver, bytes > 1u);
    }
    stop(driver);
    return TINYSEG_STORAGE_OK;
}

/* Writes the next page as soon as the one before is programmed. */
static tinyseg_storage_status poll(void *user)
{
    eeprom_storage *driver = user;
    if (!address_memory(driver, driver->offset)) {
        return TINYSEG_STORAGE_BUSY;
    }
    if (driver->remaining == 0u) { /* it only had to answer */
        stop(driver);
        return TINYSEG_STORAGE_OK;
    }
    do {
        if (!send(driver, *driver->data)) {
            stop(driver);
            return TINYSEG_STORAGE_ERROR_WRITE;
        }
        ++driver->data;
        ++driver->offset;
        --driver->remaining;
    } while (driver->remaining != 0u && driver->offset % driver->page_bytes != 0u);
    stop(driver); /* the memory begins to program */
    return TINYSEG_STORAGE_BUSY;
}

static tinyseg_storage_status write(void *user, uint32_t offset, const void *data, uint32_t bytes)
{
    eeprom_storage *driver = user;
    driver->offset = offset;
    driver->data = data;
    driver->remaining = bytes;
    return poll(driver);
}

static void cancel(void *user)
{
    eeprom_storage *driver = user;
    stop(driver);
    driver->remaining = 0;
}

tinyseg_storage *eeprom_storage_init(eeprom_storage *driver, const i2c_lines *lines, uint32_t address,
                                     uint32_t page_bytes, uint32_t capacity)
{
    driver->lines = lines;
    driver->address = address;
    driver->device = DEVICE;
    driver->page_bytes = page_bytes;
    driver->storage.user = driver;
    driver->storage.block_bytes = 1;
    driver->storage.capacity = capacity < LARGEST_CAPACITY ? capacity : LARGEST_CAPACITY;
    driver->storage.patience = PATIENCE;
    driver->storage.open = open;
    driver->storage.read = read;
    driver->storage.write = write;
    driver->storage.poll = poll;
    driver->storage.cancel = cancel;
    return &driver->storage;
}
