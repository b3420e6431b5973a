/* SPDX-License-Identifier: Apache-2.0 */
/* Storage of exactly known speed, for measuring: a transfer takes its latency and its bytes' time on a timer, whose
 * interrupt then moves the data from or to a file of the working directory. Under QEMU's -icount every run is the same. */
#ifndef TINYSEG_TIMED_STORAGE_H
#define TINYSEG_TIMED_STORAGE_H

#include "tinyseg_storage.h"

typedef struct {
    uint32_t address;            /* of a CMSDK APB timer's registers */
    uint32_t interrupt;          /* its number */
    uint32_t latency;            /* ticks before the first byte */
    uint32_t read_ticks_per_64;  /* ticks for 64 bytes */
    uint32_t write_ticks_per_64;
} timed_storage_model;

typedef struct {
    tinyseg_storage storage;
    const timed_storage_model *model;
    const char *name;
    int32_t file; /* plus one; 0: not open */
    bool write;
    uint32_t offset;
    uint8_t *data;
    uint32_t bytes;
} timed_storage;

tinyseg_storage *timed_storage_init(timed_storage *driver, const timed_storage_model *model, const char *name,
                                    uint32_t capacity, uint32_t block_bytes);

/* To be called by the timer's interrupt handler. */
void timed_storage_interrupt(timed_storage *driver);

#endif
