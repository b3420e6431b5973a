"""Runs spilled inferences in a row, with faults, resets and numbers that wrap: ``python -m tests.storage.soak``.

Images take turns, so that what an earlier inference left in storage or arena is wrong for the one that runs. A wrong
output is never reported as right, the inference after a fault is right, and traffic stays what it was in the first.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.storage.spilling_program import CODED, build_program

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "net.h"

typedef enum { NONE, FAIL, HANG, LOST, TORN, FLIPPED, ELSEWHERE, POWER_CUT, EXCHANGED, FAULTS } fault;

#define IMAGES 4u

static uint8_t medium[NET_STORAGE0_BYTES], other[NET_STORAGE0_BYTES];
static uint8_t arena[NET_ARENA_SIZE] __attribute__((aligned(16)));
static uint8_t image[NET_INPUT0_BYTES], expected[NET_OUTPUT0_BYTES], outputs[IMAGES][NET_OUTPUT0_BYTES];
static net_context context;
static tinyseg_storage storage;
static uint32_t calls, target, random_, delay;
static fault kind;
static bool cut, hung;
static struct {
    bool write;
    uint32_t offset, bytes;
    uint8_t *data;
} pending;

static uint32_t chance(uint32_t below)
{
    random_ = random_ * 1664525u + 1013904223u;
    return (random_ >> 8) % below;
}

static void copy(bool write, uint32_t offset, uint8_t *data, uint32_t bytes)
{
    if (write) {
        memcpy(medium + offset, data, bytes);
    } else {
        memcpy(data, medium + offset, bytes);
    }
}

static tinyseg_storage_status transfer(bool write, uint32_t offset, uint8_t *data, uint32_t bytes)
{
    const bool now = calls++ == target && kind != NONE;
    pending.write = write;
    pending.offset = offset;
    pending.data = data;
    pending.bytes = bytes;
    hung = now && kind == HANG;
    delay = chance(4u);
    if (cut) {
        return TINYSEG_STORAGE_ERROR_REMOVED;
    }
    if (now) {
        switch (kind) {
        case FAIL:
            return write ? TINYSEG_STORAGE_ERROR_WRITE : TINYSEG_STORAGE_ERROR_READ;
        case LOST:
            return TINYSEG_STORAGE_OK;
        case TORN:
            copy(write, offset, data, bytes / 2u);
            return TINYSEG_STORAGE_OK;
        case FLIPPED:
            copy(write, offset, data, bytes);
            *((write ? medium + offset : data) + chance(bytes)) ^= (uint8_t)(1u << chance(8u));
            return TINYSEG_STORAGE_OK;
        case ELSEWHERE:
            offset = chance((NET_STORAGE0_BYTES - bytes) / NET_STORAGE0_BLOCK + 1u) * NET_STORAGE0_BLOCK;
            copy(write, offset, data, bytes);
            return TINYSEG_STORAGE_OK;
        case POWER_CUT:
            copy(write, offset, data, bytes / 2u);
            cut = true;
            return TINYSEG_STORAGE_ERROR_REMOVED;
        case EXCHANGED: /* by the medium of an earlier inference, which the driver does not notice */
            memcpy(medium, other, sizeof medium);
            break;
        default:
            break;
        }
    }
    if (delay != 0u || hung) {
        return TINYSEG_STORAGE_BUSY;
    }
    copy(write, offset, data, bytes);
    return TINYSEG_STORAGE_OK;
}

#include "spilling_program.h"

static tinyseg_storage_status poll_(void *user)
{
    (void)user;
    if (hung || --delay != 0u) {
        return TINYSEG_STORAGE_BUSY;
    }
    copy(pending.write, pending.offset, pending.data, pending.bytes);
    return TINYSEG_STORAGE_OK;
}

static void cancel(void *user)
{
    (void)user;
}

static void reset(void)
{
    plug_in(poll_, cancel);
}

static net_status begin(void)
{
    static net_io io;
    io.storage[0] = &storage;
    return net_init(&context, arena, sizeof arena, &io);
}

static net_status infer(uint32_t which)
{
    for (uint32_t i = 0; i < sizeof image; ++i) {
        arena[NET_INPUT0_OFFSET + i] = image[i] ^ (uint8_t)(which * 0x55u);
    }
    calls = 0;
    return net_run(&context);
}

int main(int argc, char **argv)
{
    uint32_t ok = 0, noticed = 0, harmless = 0, wraps = 0, resets = 0, wrong = 0, lame = 0, odd = 0, total;
    const uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000u;
    random_ = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1u;
    load("tests/input0_0.bin", image, sizeof image);
    load("tests/output0_0.bin", expected, sizeof expected);
    reset();
    for (uint32_t which = 0; which < IMAGES; ++which) {
        if (begin() != NET_OK || infer(which) != NET_OK || (which == 0u && !right())) {
            return 92;
        }
        memcpy(outputs[which], arena + NET_OUTPUT0_OFFSET, sizeof expected);
        memcpy(other, medium, sizeof medium);
    }
    total = calls;
    const uint32_t written = storage.traffic.written, read = storage.traffic.read;
    for (uint32_t turn = 0; turn < count; ++turn) {
        const uint32_t which = chance(IMAGES);
        kind = chance(20u) == 0u ? (fault)(1u + chance(FAULTS - 1u)) : NONE;
        target = chance(total);
        if (chance(500u) == 0u) { /* the number of the inferences to come is about to wrap */
            storage.run = UINT32_MAX - chance(4u);
            storage.reserved = 1u + chance(3u);
        }
        const uint32_t before = storage.run;
        const fault happened = kind;
        const net_status status = infer(which);
        const bool equal = memcmp(arena + NET_OUTPUT0_OFFSET, outputs[which], sizeof expected) == 0;
        wraps += storage.run < before;
        if (status == NET_OK && !equal) {
            fprintf(stderr, "inference %u, fault %d of transfer %u: wrong, and not noticed\n", turn, happened, target);
            ++wrong;
        }
        if (happened == NONE) {
            if (status != NET_OK) {
                fprintf(stderr, "inference %u fails without a fault: status %d\n", turn, (int)status);
                ++lame;
            }
            odd += storage.traffic.written != written || storage.traffic.read != read;
            ok += status == NET_OK && equal;
        } else {
            noticed += status != NET_OK;
            harmless += status == NET_OK && equal;
        }
        kind = NONE;
        if (cut || chance(100u) == 0u) { /* power comes again: nothing but the medium is as it was */
            cut = false;
            ++resets;
            reset();
            memset(arena, (int)chance(256u), sizeof arena);
            memset(&context, (int)chance(256u), sizeof context);
            if (begin() != NET_OK) {
                ++lame;
            }
        }
        if (chance(200u) == 0u) {
            memcpy(other, medium, sizeof medium);
        }
    }
    printf("%u right, %u faults noticed, %u without effect, ", ok, noticed, harmless);
    printf("%u resets, %u wraps; ", resets, wraps);
    printf("%u wrong, %u failed, %u with other traffic\n", wrong, lame, odd);
    return wrong != 0u || lame != 0u || odd != 0u;
}
"""
PLANS = {"by line": {}, "coded, in blocks, far ahead": CODED}


def soak(folder: Path, plan: str, inferences: int, seed: int, *, sanitize: bool = True) -> tuple[int, str]:
    """Builds and runs the program.

    Args:
        folder: an empty one.
        plan: one of ``PLANS``.
        inferences: how many.
        seed: of faults, images and resets.
        sanitize: address and undefined-behaviour sanitizers watch, which takes ten times as long.

    Returns:
        Its exit status, 0 where all was right, and what it said.
    """
    build_program(folder, PROGRAM, PLANS[plan], () if sanitize else ("-O2", "-fno-sanitize=all"))
    command = ["./program", str(inferences), str(seed)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr[-3000:]


def main() -> int:
    """Returns 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inferences", type=int, default=100_000, help="of each plan")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sanitize", action="store_true", help="run under sanitizers")
    options = parser.parse_args()
    result = 0
    for plan in PLANS:
        with tempfile.TemporaryDirectory() as folder:
            status, said = soak(Path(folder), plan, options.inferences, options.seed, sanitize=options.sanitize)
        print(f"{plan}: {said.strip()}", flush=True)
        result |= int(status != 0)
    return result


if __name__ == "__main__":
    sys.exit(main())
