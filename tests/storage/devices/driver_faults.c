/* Walks over all operations that an inference makes a driver's device do, and makes each fail in every way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "driver_faults.h"
#include "net.h"

uint8_t medium[MEDIUM_BYTES];
fault now;
bool silent, slow;
uint32_t flash_number;

static uint8_t used[MEDIUM_BYTES], other[MEDIUM_BYTES];
static uint8_t arena[NET_ARENA_SIZE] __attribute__((aligned(16)));
static uint8_t image[NET_INPUT0_BYTES], expected[NET_OUTPUT0_BYTES];
static tinyseg_storage *storage;
static uint32_t operations, target;
static fault kind;

void operation(void)
{
    const uint32_t number = operations++;
    now = kind != NONE && number == target ? kind : NONE;
    if (kind == CUT && number > target) {
        now = LOST;
    }
    if (now == SWAPPED) {
        memcpy(medium, other, sizeof medium);
    }
    silent = silent || now == SILENT;
}

outcome outcome_of(uint32_t offset, uint32_t bytes)
{
    outcome result = {now == LOST, offset, bytes, now == FLIP};
    if (now == TORN || now == CUT) {
        result.bytes = bytes / 2u;
    } else if (now == ELSEWHERE) {
        result.offset = offset >= bytes ? offset - bytes : offset + bytes;
    }
    return result;
}

static bool right(void)
{
    return memcmp(arena + NET_OUTPUT0_OFFSET, expected, sizeof expected) == 0;
}

static void load(const char *name, uint8_t *data, size_t bytes)
{
    FILE *file = fopen(name, "rb");
    if (file == NULL || fread(data, 1, bytes, file) != bytes) {
        exit(91);
    }
    fclose(file);
}

static net_status infer(uint8_t changed)
{
    static net_context context;
    const net_io io = {NULL, NULL, NULL, {storage}};
    memset(arena, 0xA5, sizeof arena);
    for (uint32_t i = 0; i < sizeof image; ++i) {
        arena[NET_INPUT0_OFFSET + i] = image[i] ^ changed;
    }
    operations = 0;
    silent = false;
    const net_status status = net_init(&context, arena, sizeof arena, &io);
    return status == NET_OK ? net_run(&context) : status;
}

static void boot(void)
{
    silent = false;
    storage = device_start();
}

static void write_medium(uint32_t boots, uint8_t blank, uint8_t changed, uint8_t *kept)
{
    memset(medium, blank, sizeof medium);
    flash_number += 1000u;
    for (uint32_t i = 0; i < boots; ++i) {
        boot();
        const net_status status = infer(changed);
        if (status != NET_OK) {
            fprintf(stderr, "boot %u: status %d in operation %u\n", i, (int)status, operations);
            exit(92);
        }
    }
    memcpy(kept, medium, sizeof medium);
}

int main(int argc, char **argv)
{
    uint32_t failed = 0, tried = 0;
    slow = argc > 1 && strcmp(argv[1], "slow") == 0;
    const uint32_t stride = argc > 2 ? (uint32_t)atoi(argv[2]) : 1u;
    const uint8_t blank = argc > 3 ? (uint8_t)atoi(argv[3]) : 0u;
    load("tests/input0_0.bin", image, sizeof image);
    load("tests/output0_0.bin", expected, sizeof expected);
    write_medium(1, blank, 0x33u, other); /* of other images: what is taken from there is wrong */
    write_medium(4, blank, 0x55u, used);
    boot();
    if (infer(0u) != NET_OK || !right()) {
        return 93;
    }
    const uint32_t total = operations;
    for (int k = REFUSE; k < FAULTS; ++k) {
        uint32_t noticed = 0, struck = 0;
        for (target = (uint32_t)k % stride; target < total; target += stride) {
            memcpy(medium, used, sizeof medium);
            boot();
            if (k == SWAPPED && target % 2u != 0u) { /* without a number that is known from before */
                memset(medium, blank, sizeof medium);
            }
            kind = (fault)k;
            const net_status status = infer(0u);
            ++tried;
            ++struck;
            noticed += status != NET_OK;
            if (status == NET_OK && !right()) {
                fprintf(stderr, "fault %d of operation %u of %u: wrong, and not noticed\n", k, target, total);
                ++failed;
            }
            kind = NONE;
            if (k == CUT) {
                boot();
            }
            if (infer(0u) != NET_OK || !right()) {
                fprintf(stderr, "fault %d of operation %u: the next inference fails (first status %d)\n", k, target, (int)status);
                ++failed;
            }
        }
        printf("%d %u %u\n", k, noticed, struck);
    }
    return failed != 0u;
}
