/* SPDX-License-Identifier: Apache-2.0 */
/* A NOR flash played in memory. */
#include "nor_simulator.h"

#include <string.h>

static tinyseg_storage_status read(void *user, uint32_t address, void *data, uint32_t bytes)
{
    const nor_simulator *simulator = user;
    if (simulator->busy != 0u || address + bytes > simulator->flash.bytes) {
        return TINYSEG_STORAGE_ERROR_READ;
    }
    memcpy(data, simulator->memory + address, bytes);
    return TINYSEG_STORAGE_OK;
}

static tinyseg_storage_status erase(void *user, uint32_t address)
{
    nor_simulator *simulator = user;
    if (simulator->busy != 0u || address % simulator->flash.sector_bytes != 0u || address >= simulator->flash.bytes) {
        return TINYSEG_STORAGE_ERROR_WRITE;
    }
    memset(simulator->memory + address, 0xFF, simulator->flash.sector_bytes);
    simulator->busy = simulator->busy_polls;
    return TINYSEG_STORAGE_OK;
}

static tinyseg_storage_status program(void *user, uint32_t address, const void *data, uint32_t bytes)
{
    nor_simulator *simulator = user;
    const uint8_t *from = data;
    const uint32_t page = simulator->flash.page_bytes;
    if (simulator->busy != 0u || bytes == 0u || address + bytes > simulator->flash.bytes ||
        address / page != (address + bytes - 1u) / page) {
        return TINYSEG_STORAGE_ERROR_WRITE;
    }
    for (uint32_t i = 0; i < bytes; ++i) {
        uint8_t *cell = simulator->memory + address + i;
        *cell = (uint8_t)(*cell & from[i]);
        if (*cell != from[i]) {
            return TINYSEG_STORAGE_ERROR_WRITE; /* it was not erased */
        }
    }
    simulator->busy = simulator->busy_polls / 16u;
    return TINYSEG_STORAGE_OK;
}

static tinyseg_storage_status busy(void *user)
{
    nor_simulator *simulator = user;
    if (simulator->busy == 0u) {
        return TINYSEG_STORAGE_OK;
    }
    --simulator->busy;
    return TINYSEG_STORAGE_BUSY;
}

const nor_flash *nor_simulator_init(nor_simulator *simulator, uint8_t *memory, uint32_t bytes, uint32_t sector_bytes,
                                    uint32_t page_bytes)
{
    simulator->memory = memory;
    simulator->flash.bytes = bytes;
    simulator->flash.sector_bytes = sector_bytes;
    simulator->flash.page_bytes = page_bytes;
    simulator->flash.read = read;
    simulator->flash.erase = erase;
    simulator->flash.program = program;
    simulator->flash.busy = busy;
    simulator->flash.user = simulator;
    return &simulator->flash;
}
