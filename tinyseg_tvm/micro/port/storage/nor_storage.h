/* SPDX-License-Identifier: Apache-2.0 */
/* Storage on raw NOR flash, internal or serial: sectors are erased to ones, pages programmed, bits only become zero.
 *
 * The region is a log of inferences. Each begins at a sector behind the one before, so that all sectors wear alike; a
 * header in its first page says where it begins and how far it reaches, and is found again after a reset. A sector is
 * erased when it is first written to, while the network computes. */
#ifndef TINYSEG_NOR_STORAGE_H
#define TINYSEG_NOR_STORAGE_H

#include "tinyseg_storage.h"

/* The flash. `erase` and `program` begin, `busy` tells when they have ended: OK, BUSY or an error. Addresses count from
 * the begin of the region. `program` stays within a page. */
typedef struct {
    uint32_t bytes;
    uint32_t sector_bytes;
    uint32_t page_bytes;
    tinyseg_storage_status (*read)(void *user, uint32_t address, void *data, uint32_t bytes);
    tinyseg_storage_status (*erase)(void *user, uint32_t address);
    tinyseg_storage_status (*program)(void *user, uint32_t address, const void *data, uint32_t bytes);
    tinyseg_storage_status (*busy)(void *user);
    void *user;
} nor_flash;

typedef struct {
    tinyseg_storage storage;
    const nor_flash *flash;
    uint32_t *erased;   /* a bit per sector of the inference */
    uint32_t number;    /* of the inference, since the flash was new */
    uint32_t sector;    /* where it begins */
    uint32_t sectors;   /* how many it takes */
    uint32_t address;   /* of the write in progress */
    const uint8_t *data;
    uint32_t remaining;
    bool found;         /* the log was searched */
} nor_storage;

/* `erased`: room for a bit per sector of an inference: its first page, and the bytes that the network uses. */
tinyseg_storage *nor_storage_init(nor_storage *driver, const nor_flash *flash, uint32_t *erased);

#endif
