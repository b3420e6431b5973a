/* SPDX-License-Identifier: Apache-2.0 */
/* A NOR flash played in memory, with the rules of a real one: bits only become zero until their sector is erased, a
 * page is not crossed, nothing else is done while it erases or programs. Breaking a rule is a write error. */
#ifndef TINYSEG_NOR_SIMULATOR_H
#define TINYSEG_NOR_SIMULATOR_H

#include "nor_storage.h"

typedef struct {
    nor_flash flash;
    uint8_t *memory;
    uint32_t busy_polls; /* how long an erase lasts; a page takes a sixteenth */
    uint32_t busy;       /* polls left */
} nor_simulator;

/* The memory's content is the flash's: keep it, and it has survived a reset. Memory that is all zeros is a flash that
 * must be erased before anything can be written. */
const nor_flash *nor_simulator_init(nor_simulator *simulator, uint8_t *memory, uint32_t bytes, uint32_t sector_bytes,
                                    uint32_t page_bytes);

#endif
