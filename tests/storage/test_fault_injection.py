"""Every call that an inference makes of its storage is made to fail in every way.

The program below runs the network once undisturbed, then once per call and kind of fault, each time followed by an
undisturbed run with the same context: an error has its own status, a wrong output is never reported as right, nothing
hangs, and the context recovers. Address and undefined-behaviour sanitizers watch.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.storage.spilling_program import CODED, build_program

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "net.h"

typedef enum {
    FAIL, WRONG_STATUS, HANG, FLIP_BIT, DROP, SHORT, REMOVE, LATE, STALE, FAULTS
} fault;

static uint8_t medium[2][NET_STORAGE0_BYTES + 4096u];
static uint8_t arena[NET_ARENA_SIZE] __attribute__((aligned(16)));
static uint8_t image[NET_INPUT0_BYTES], expected[NET_OUTPUT0_BYTES];
static net_context context;
static tinyseg_storage storage;
static uint32_t calls, target = UINT32_MAX, seed, parked;
static fault kind;
static bool pending_write, asynchronous;
static struct {
    uint32_t offset, bytes, delay;
    uint8_t *data;
    bool hang;
    tinyseg_storage_status status;
} pending;

static tinyseg_storage_status finish(void)
{
    if (pending.status == TINYSEG_STORAGE_OK) {
        if (pending_write) {
            memcpy(medium[0] + pending.offset, pending.data, pending.bytes);
        } else {
            memcpy(pending.data, medium[0] + pending.offset, pending.bytes);
        }
    }
    return pending.status;
}

static tinyseg_storage_status transfer(bool write, uint32_t offset, uint8_t *data, uint32_t bytes)
{
    const bool now = calls++ == target;
    if (offset + bytes > NET_STORAGE0_BYTES || offset % NET_STORAGE0_BLOCK != 0 || bytes % NET_STORAGE0_BLOCK != 0) {
        fprintf(stderr, "transfer of %u bytes at %u\n", bytes, offset);
        exit(90);
    }
    pending_write = write;
    pending.offset = offset;
    pending.data = data;
    pending.bytes = bytes;
    pending.delay = asynchronous ? 1u + (seed = seed * 1664525u + 1013904223u) % 5u : 0u;
    pending.hang = false;
    pending.status = TINYSEG_STORAGE_OK;
    if (now) {
        switch (kind) {
        case FAIL:
            return write ? TINYSEG_STORAGE_ERROR_WRITE : TINYSEG_STORAGE_ERROR_READ;
        case WRONG_STATUS: /* told by poll, after the begin went well */
            pending.status = write ? TINYSEG_STORAGE_ERROR_WRITE : TINYSEG_STORAGE_ERROR_READ;
            return TINYSEG_STORAGE_BUSY;
        case HANG:
            pending.hang = true;
            return TINYSEG_STORAGE_BUSY;
        case FLIP_BIT: {
            seed = seed * 1664525u + 1013904223u;
            uint8_t *byte = (write ? medium[0] + offset : data) + (seed >> 8) % bytes;
            memcpy(write ? medium[0] + offset : data, write ? data : medium[0] + offset, bytes);
            *byte ^= (uint8_t)(1u << (seed & 7u));
            return TINYSEG_STORAGE_OK;
        }
        case DROP: /* claims success: what was there before stays */
            return TINYSEG_STORAGE_OK;
        case SHORT:
            memcpy(write ? medium[0] + offset : data, write ? data : medium[0] + offset, bytes / 2u);
            return TINYSEG_STORAGE_OK;
        case REMOVE:
            return TINYSEG_STORAGE_ERROR_REMOVED;
        case LATE:
            pending.delay = 40;
            return TINYSEG_STORAGE_BUSY;
        case STALE: /* the record of the inference before, with a good check sum */
            memcpy(write ? medium[0] + offset : data, medium[1] + offset, bytes);
            return TINYSEG_STORAGE_OK;
        default:
            break;
        }
    }
    return pending.delay != 0u ? TINYSEG_STORAGE_BUSY : finish();
}

#include "spilling_program.h"

static tinyseg_storage_status poll_(void *user)
{
    (void)user;
    if (pending.hang || pending.delay > 1u) {
        pending.delay -= pending.hang ? 0u : 1u;
        return TINYSEG_STORAGE_BUSY;
    }
    return finish();
}

static void cancel(void *user)
{
    (void)user;
    pending.hang = true;
    ++parked;
}

static tinyseg_storage_status open_(void *user, uint32_t bytes)
{
    (void)user;
    if (calls++ == target) {
        return kind == REMOVE ? TINYSEG_STORAGE_ERROR_REMOVED : TINYSEG_STORAGE_ERROR_TIMEOUT;
    }
    return bytes == NET_STORAGE0_BYTES ? TINYSEG_STORAGE_OK : TINYSEG_STORAGE_ERROR_FULL;
}

static net_status infer(void)
{
    const net_io io = {NULL, NULL, NULL, {&storage}};
    memcpy(medium[1], medium[0], sizeof medium[0]);
    memset(medium[0], 0x5A, sizeof medium[0]);
    memset(arena, 0xA5, sizeof arena);
    memcpy(arena + NET_INPUT0_OFFSET, image, sizeof image);
    calls = 0;
    net_status status = net_init(&context, arena, sizeof arena, &io);
#ifdef IN_PARTS
    net_progress progress;
    status = status == NET_OK ? net_begin(&context, &progress) : status;
    if (status == NET_OK) {
        do {
            status = net_step(&context, &progress, 3);
        } while (status == NET_PENDING);
    }
    return status;
#else
    return status == NET_OK ? net_run(&context) : status;
#endif
}

/* How an inference may end whose call `target` was made to fail as `kind` says; printed otherwise. */
static bool allowed(net_status status, uint32_t made)
{
    if (made <= target) { /* never happened */
        return status == NET_OK && right();
    }
    if (status == NET_OK) {
        return right(); /* harmless: as a bit of the padding, a late answer */
    }
    switch (kind) {
    case FAIL:
    case WRONG_STATUS:
        return status == NET_ERROR_STORAGE_READ || status == NET_ERROR_STORAGE_WRITE || target == 0;
    case HANG:
        return status == NET_ERROR_STORAGE_TIMEOUT;
    case FLIP_BIT:
    case DROP:
    case SHORT:
    case STALE:
        return status == NET_ERROR_STORAGE_CRC || target == 0;
    case REMOVE:
        return status == NET_ERROR_STORAGE_REMOVED;
    default:
        return target == 0;
    }
}

int main(int argc, char **argv)
{
    uint32_t failed = 0, tried = 0;
    asynchronous = argc > 1 && strcmp(argv[1], "asynchronous") == 0;
    load("tests/input0_0.bin", image, sizeof image);
    load("tests/output0_0.bin", expected, sizeof expected);
    plug_in(poll_, cancel);
    storage.open = open_;
    for (uint32_t i = 0; i < 2u; ++i) { /* the first one asks the medium for its number, too */
        if (infer() != NET_OK || !right()) {
            return 92;
        }
    }
    const uint32_t total = calls;
    for (int k = 0; k < FAULTS; ++k) {
        uint32_t noticed = 0;
        for (uint32_t call = 0; call < total; ++call) {
            kind = (fault)k;
            target = call;
            const net_status status = infer();
            noticed += status != NET_OK;
            ++tried;
            if (!allowed(status, calls)) {
                fprintf(stderr, "fault %d of call %u of %u: status %d, output %s\n", k, call, total, (int)status,
                        right() ? "right" : "wrong");
                ++failed;
            }
            target = UINT32_MAX;
            if (infer() != NET_OK || !right()) {
                fprintf(stderr, "fault %d of call %u: the next inference fails\n", k, call);
                ++failed;
            }
        }
        printf("fault %d: noticed %u of %u\n", k, noticed, total);
    }
    storage.capacity = NET_STORAGE0_BYTES - 1u;
    failed += infer() != NET_ERROR_STORAGE_FULL;
    storage.capacity = NET_STORAGE0_BYTES;
    storage.block_bytes = NET_STORAGE0_BLOCK * 2u;
    failed += infer() != NET_ERROR_STORAGE_GEOMETRY;
    printf("tried %u\n", tried);
    return failed != 0u;
}
"""
FAULTS = 9
LATE = 7
PROGRAMS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "by line": ({}, []),
    "coded, in blocks, far ahead": (CODED, []),
    "coded, in parts": (CODED, ["-DIN_PARTS"]),
}


@pytest.fixture(scope="module", params=PROGRAMS.values(), ids=list(PROGRAMS))
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_program(tmp_path_factory.mktemp("faults"), PROGRAM, *request.param)


@pytest.mark.parametrize("mode", ["synchronous", "asynchronous"])
def test_every_fault_of_every_storage_call_is_noticed_or_harmless(mode, program):
    done = subprocess.run(["./program", mode], cwd=program, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    noticed = [line.split() for line in done.stdout.splitlines() if line.startswith("fault")]
    assert len(noticed) == FAULTS
    for words in noticed:
        count, total = int(words[3]), int(words[5])
        if int(words[1].rstrip(":")) == LATE:
            assert count <= 1  # opening the storage is never late, but counts as a call that fails
        else:
            assert count >= total * 0.8  # the rest went to padding
