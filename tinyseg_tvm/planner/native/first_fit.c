/* SPDX-License-Identifier: Apache-2.0 */
/* First-fit placement of blocks in the plane of time x address; the same as first_fit in ../rectangles.py, address by
 * address.
 *
 * Rectangles placed so far are kept in the order of their low addresses. For one block after the other, the open ranges
 * of addresses that it cannot take are gathered and the lowest (or highest) address outside all of them is taken. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t low;
    int64_t high;
    int64_t birth;
    int64_t end;
} placed_t;

typedef struct {
    int64_t low;
    int64_t high;
} range_t;

static int64_t round_down(int64_t value, int64_t unit)
{
    const int64_t rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

static int64_t round_up(int64_t value, int64_t unit)
{
    return -round_down(-value, unit);
}

static int by_low(const void *a, const void *b)
{
    const int64_t left = ((const range_t *)a)->low;
    const int64_t right = ((const range_t *)b)->low;
    return (left > right) - (left < right);
}

static int by_high_falling(const void *a, const void *b)
{
    const int64_t left = ((const range_t *)a)->high;
    const int64_t right = ((const range_t *)b)->high;
    return (left < right) - (left > right);
}

/* The lowest address from 0 outside all ranges, which are sorted by their low ends. */
static int64_t lowest(const range_t *range, size_t count, int64_t unit)
{
    int64_t free = 0;
    for (size_t at = 0; at < count && range[at].low < free; at++) {
        const int64_t high = round_up(range[at].high, unit);
        if (high > free) {
            free = high;
        }
    }
    return free;
}

/* The highest address up to start outside all ranges, which are sorted by their high ends, falling; -1: none. */
static int64_t highest(const range_t *range, size_t count, int64_t start, int64_t unit)
{
    int64_t free = start;
    for (size_t at = 0; at < count; at++) {
        if (range[at].high <= free) {
            return free;
        }
        const int64_t low = round_down(range[at].low, unit);
        if (low < free) {
            free = low;
        }
    }
    return free >= 0 ? free : -1;
}

/* Addresses of all blocks, in the order given; 0 where memory ran out, else 1.
 * Rectangles of block k are first[k] to first[k + 1]; from_above[k]: the highest free address below the ceiling. */
int32_t tinyseg_first_fit(int32_t count, const int64_t *first, const int64_t *offset, const int64_t *size,
                          const int64_t *birth, const int64_t *end, int64_t unit, const int64_t *order,
                          const uint8_t *from_above, int64_t ceiling, int64_t *address)
{
    const size_t rectangles = (size_t)first[count];
    placed_t *placed = malloc((rectangles + 1) * sizeof *placed);
    range_t *range = NULL;
    size_t room = 0;
    size_t known = 0;
    bool fine = placed != NULL;
    for (int32_t turn = 0; fine && turn < count; turn++) {
        const int64_t block = order[turn];
        const int64_t begin = first[block];
        const int64_t stop = first[block + 1];
        const size_t needed = (size_t)(stop - begin) * known + 1;
        if (needed > room) {
            range_t *larger = realloc(range, 2 * needed * sizeof *range);
            if (larger == NULL) {
                fine = false;
                break;
            }
            range = larger;
            room = 2 * needed;
        }
        size_t ranges = 0;
        int64_t height = 0;
        for (int64_t r = begin; r < stop; r++) {
            for (size_t at = 0; at < known; at++) {
                if (placed[at].birth < end[r] && placed[at].end > birth[r]) {
                    range[ranges].low = placed[at].low - size[r] - offset[r];
                    range[ranges].high = placed[at].high - offset[r];
                    ranges++;
                }
            }
            height = offset[r] + size[r] > height ? offset[r] + size[r] : height;
        }
        int64_t at_address = -1;
        if (from_above[block]) {
            qsort(range, ranges, sizeof *range, by_high_falling);
            at_address = highest(range, ranges, round_down(ceiling - height, unit), unit);
        }
        if (at_address < 0) {
            if (stop - begin > 1 || from_above[block]) {
                qsort(range, ranges, sizeof *range, by_low);
            }
            at_address = lowest(range, ranges, unit);
        }
        address[block] = at_address;
        for (int64_t r = begin; r < stop; r++) {
            const int64_t low = at_address + offset[r];
            size_t at = known;
            while (at > 0 && placed[at - 1].low >= low) {
                at--;
            }
            memmove(&placed[at + 1], &placed[at], (known - at) * sizeof *placed);
            placed[at].low = low;
            placed[at].high = low + size[r];
            placed[at].birth = birth[r];
            placed[at].end = end[r];
            known++;
        }
    }
    free(range);
    free(placed);
    return fine;
}
