/* SPDX-License-Identifier: Apache-2.0 */
/* Storage in memory that the processor reaches like any other: PSRAM, SDRAM, a second RAM. */
#ifndef TINYSEG_MEMORY_STORAGE_H
#define TINYSEG_MEMORY_STORAGE_H

#include "tinyseg_storage.h"

typedef struct {
    tinyseg_storage storage;
    uint8_t *memory;
} memory_storage;

/* Uses `bytes` bytes at `memory`. */
tinyseg_storage *memory_storage_init(memory_storage *driver, void *memory, uint32_t bytes);

#endif
