/* SPDX-License-Identifier: Apache-2.0 */
/* Storage on an I2C EEPROM or FRAM with two address bytes (AT24C32 to AT24C512, FM24C and the like).
 *
 * A write is done page by page; while the memory programs one it does not answer, and the transfer is BUSY. A FRAM
 * is an EEPROM whose pages take no time. */
#ifndef TINYSEG_EEPROM_STORAGE_H
#define TINYSEG_EEPROM_STORAGE_H

#include "tinyseg_storage.h"

/* The two lines of the bus, driven by software. Levels: false pulls a line down, true lets go of it. */
typedef struct {
    void (*set_clock)(uint32_t address, bool level);
    void (*set_data)(uint32_t address, bool level);
    bool (*data)(uint32_t address);
} i2c_lines;

typedef struct {
    tinyseg_storage storage;
    const i2c_lines *lines;
    uint32_t address; /* of the bus's registers */
    uint8_t device;   /* on the bus, 7 bits */
    uint32_t page_bytes;
    uint32_t offset;
    const uint8_t *data;
    uint32_t remaining; /* of a write */
} eeprom_storage;

tinyseg_storage *eeprom_storage_init(eeprom_storage *driver, const i2c_lines *lines, uint32_t address,
                                     uint32_t page_bytes, uint32_t capacity);

#endif
