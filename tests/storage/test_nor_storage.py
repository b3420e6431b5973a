"""The NOR driver keeps the flash's rules, wears all sectors alike, and finds its log again after a reset."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.codegen.harness import FLAGS, SANITIZE
from tinyseg_tvm.codegen.text.runtime_files import include_options, runtime_path
from tinyseg_tvm.micro.port_files import PORT_FOLDER

DRIVERS = PORT_FOLDER / "storage"
SECTORS = 16
PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "nor_simulator.h"

#define SECTOR 512u
#define PAGE 64u
#define BYTES (SECTORS * SECTOR)
#define USED 1300u /* 3 sectors, with the header's page */
#define EXPECT(condition) \
    do { if (!(condition)) { fprintf(stderr, "line %d: %s\n", __LINE__, #condition); exit(1); } } while (0)

static uint8_t memory[BYTES];
static uint32_t erased[1], wear[SECTORS];
static nor_simulator simulator;
static nor_storage driver;
static tinyseg_storage *storage;
static tinyseg_transfer queue[4];
static tinyseg_storage_status (*true_erase)(void *, uint32_t);

static tinyseg_storage_status counted_erase(void *user, uint32_t address)
{
    ++wear[address / SECTOR];
    return true_erase(user, address);
}

static void reset(void) /* the flash keeps its content, the processor forgets everything */
{
    memset(&driver, 0, sizeof driver);
    memset(&simulator, 0, sizeof simulator);
    simulator.busy_polls = 40;
    storage = nor_storage_init(&driver, nor_simulator_init(&simulator, memory, BYTES, SECTOR, PAGE), erased);
    storage->queue = queue;
    storage->mask = 3;
    true_erase = simulator.flash.erase;
    simulator.flash.erase = counted_erase;
}

static void infer(uint32_t seed)
{
    uint8_t data[USED], back[USED];
    for (uint32_t i = 0; i < USED; ++i) {
        data[i] = (uint8_t)(i * 7u + seed * 13u);
    }
    EXPECT(tinyseg_storage_open(storage, USED, 1) == TINYSEG_STORAGE_OK);
    for (uint32_t i = 0; i < 3; ++i) {
        const uint32_t start = i == 0 ? 700u : i == 1 ? 0u : 1000u, end = i == 0 ? 1000u : i == 1 ? 700u : USED;
        const uint32_t ticket = tinyseg_storage_ask(storage, true, start, data + start, end - start);
        EXPECT(tinyseg_storage_wait(storage, ticket) == TINYSEG_STORAGE_OK);
    }
    EXPECT(tinyseg_storage_wait(storage, tinyseg_storage_ask(storage, false, 0, back, USED)) == TINYSEG_STORAGE_OK);
    EXPECT(memcmp(data, back, USED) == 0);
    EXPECT(storage->traffic.erases == 3);
}

int main(void)
{
    reset();
    for (uint32_t i = 0; i < 100; ++i) {
        if (i % 7u == 3u) {
            reset();
        }
        if (i == 50u) { /* given up in the midst of an erase */
            uint8_t data[USED] = {0};
            EXPECT(tinyseg_storage_open(storage, USED, 1) == TINYSEG_STORAGE_OK);
            (void)tinyseg_storage_ask(storage, true, 500, data, 700);
            tinyseg_storage_close(storage);
        }
        infer(i);
        EXPECT(driver.number == i + 1u + (i >= 50u));
    }
    for (uint32_t i = 0; i < SECTORS; ++i) {
        printf("%u ", wear[i]);
    }
    simulator.flash.erase = true_erase;
    uint8_t byte = 0x0F, other = 0xF0;
    EXPECT(simulator.flash.erase(&simulator, 0) == TINYSEG_STORAGE_OK);
    EXPECT(simulator.flash.program(&simulator, 0, &byte, 1) == TINYSEG_STORAGE_ERROR_WRITE); /* still busy */
    simulator.busy = 0;
    EXPECT(simulator.flash.program(&simulator, 0, &byte, 1) == TINYSEG_STORAGE_OK);
    simulator.busy = 0;
    EXPECT(simulator.flash.program(&simulator, 0, &other, 1) == TINYSEG_STORAGE_ERROR_WRITE); /* not erased */
    uint8_t two[2] = {0, 0};
    EXPECT(simulator.flash.program(&simulator, PAGE - 1u, two, 2) == TINYSEG_STORAGE_ERROR_WRITE); /* two pages */
    EXPECT(tinyseg_storage_open(storage, BYTES, 1) == TINYSEG_STORAGE_ERROR_FULL);
    return 0;
}
"""


@pytest.fixture(scope="module")
def wear(tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    folder: Path = tmp_path_factory.mktemp("nor")
    (folder / "main.c").write_text(PROGRAM)
    sources = [DRIVERS / "nor_storage.c", DRIVERS / "nor_simulator.c"]
    sources += [runtime_path("tinyseg_storage.c"), runtime_path("tinyseg_crc32.c")]
    options = [f"-DSECTORS={SECTORS}", f"-I{DRIVERS}", *include_options()]
    command = ["gcc", *FLAGS, *SANITIZE, *options, "main.c", *map(str, sources), "-o", "program"]
    subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run(["./program"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


def test_sectors_wear_alike(wear):
    used = wear[: SECTORS // 3 * 3]  # an inference of three sectors does not begin in the last one
    assert max(used) - min(used) <= 1
    assert sum(wear) >= 300
