/* SPDX-License-Identifier: Apache-2.0 */
/* One depth-first search for a packing; the same as Search in branch_and_bound.py, decision by decision.
 *
 * Addresses and sizes are in one unit, sections are the stretches of time between which nothing starts or ends.
 * Every number fits: the caller sees to it that the blocks of no section together exceed the height. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum outcome { IMPOSSIBLE = 0, PACKED = 1, GIVEN_UP = 2, NO_MEMORY = 3 };

enum { TOO_HIGH = 10, TOO_FULL = 3 }; /* blame, as in branch_and_bound.py */

typedef struct {
    const int32_t *size;
    const int32_t *begin;
    const int32_t *end;
    int32_t height;
    int32_t *floor;   /* of each section: top of what was placed last */
    int32_t *load;    /* of each section: sizes of what is still to be placed */
    int32_t *address; /* of each block */
    int64_t *blame;   /* of each block */
    int64_t nodes;    /* placements that may still be tried */
} search_t;

/* What one level of the search remembers; all arrays lie behind it in the same piece of memory. */
typedef struct {
    int32_t *lowest; /* of each block still to be placed */
    int32_t *rising; /* their indices by lowest address, then by preference */
    bool *passed;    /* whether its turn at the address placed at last is over */
    int32_t *rest;   /* the blocks without the one placed */
    int32_t *stack;  /* of each section: sizes seen so far */
    int32_t *floor;
    int32_t *load;
} level_t;

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t greatest(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static enum outcome solve(search_t *search, const int32_t *left, int32_t count, int32_t low, int32_t rank);

/* Lowest addresses in reach; false where one is too high. */
static bool reach(search_t *search, const level_t *level, const int32_t *left, int32_t count, int32_t low,
                  int32_t rank, int32_t *beneath)
{
    *beneath = INT32_MAX;
    for (int32_t at = 0; at < count; at++) {
        const int32_t block = left[at];
        int32_t lowest = greatest(low, 0);
        for (int32_t s = search->begin[block]; s < search->end[block]; s++) {
            lowest = greatest(lowest, search->floor[s]);
        }
        level->passed[at] = lowest == low && at < rank;
        lowest += level->passed[at] ? 1 : 0;
        const int32_t top = lowest + search->size[block];
        if (top > search->height) {
            search->blame[block] += TOO_HIGH;
            return false;
        }
        level->lowest[at] = lowest;
        *beneath = least(*beneath, top);
        int32_t place = at;
        while (place > 0 && level->lowest[level->rising[place - 1]] > lowest) {
            level->rising[place] = level->rising[place - 1];
            place--;
        }
        level->rising[place] = at;
    }
    return true;
}

/* Whether in every section what cannot lie below an address fits above it, for every address. */
static bool fits_above(search_t *search, const level_t *level, const int32_t *left, int32_t count, int32_t first,
                       int32_t last)
{
    memset(level->stack, 0, (size_t)(last - first) * sizeof *level->stack);
    for (int32_t turn = count - 1; turn >= 0; turn--) {
        const int32_t block = left[level->rising[turn]];
        const int32_t room = search->height - level->lowest[level->rising[turn]];
        for (int32_t s = search->begin[block]; s < search->end[block]; s++) {
            level->stack[s - first] += search->size[block];
            if (level->stack[s - first] > room) {
                for (int32_t other = turn; other < count; other++) {
                    const int32_t guilty = left[level->rising[other]];
                    if (search->begin[guilty] <= s && s < search->end[guilty]) {
                        search->blame[guilty] += TOO_FULL;
                    }
                }
                return false;
            }
        }
    }
    return true;
}

/* Tries every block that can come next. */
static enum outcome descend(search_t *search, const level_t *level, const int32_t *left, int32_t count,
                            int32_t first, int32_t last, int32_t beneath)
{
    const size_t bytes = (size_t)(last - first) * sizeof *level->floor;
    memcpy(level->floor, search->floor + first, bytes);
    memcpy(level->load, search->load + first, bytes);
    for (int32_t turn = 0; turn < count; turn++) {
        const int32_t at = level->rising[turn];
        const int32_t address = level->lowest[at];
        if (level->passed[at]) {
            continue;
        }
        if (address >= beneath) {
            break;
        }
        if (search->nodes == 0) {
            return GIVEN_UP;
        }
        search->nodes--;
        const int32_t block = left[at];
        bool alone = true;
        search->address[block] = address;
        for (int32_t s = search->begin[block]; s < search->end[block]; s++) {
            search->floor[s] = address + search->size[block];
            search->load[s] -= search->size[block];
            alone = alone && search->load[s] == 0;
        }
        memcpy(level->rest, left, (size_t)at * sizeof *left);
        memcpy(level->rest + at, left + at + 1, (size_t)(count - at - 1) * sizeof *left);
        const enum outcome outcome = solve(search, level->rest, count - 1, address, at);
        if (outcome != IMPOSSIBLE) {
            return outcome;
        }
        memcpy(search->floor + first, level->floor, bytes); /* also of parts solved before another one failed */
        memcpy(search->load + first, level->load, bytes);
        if (alone) {
            return IMPOSSIBLE; /* nothing comes above it: no other place for it helps the rest */
        }
    }
    return IMPOSSIBLE;
}

/* Places blocks that hang together, preferred first, at low or above (at low only from index rank on). */
static enum outcome place(search_t *search, const int32_t *left, int32_t count, int32_t low, int32_t rank,
                          int32_t first, int32_t last)
{
    const size_t blocks = (size_t)count;
    const size_t sections = (size_t)(last - first);
    int32_t *memory = malloc((3 * blocks + 3 * sections) * sizeof *memory + blocks * sizeof(bool));
    if (memory == NULL) {
        return NO_MEMORY;
    }
    const level_t level = {
        .lowest = memory,
        .rising = memory + blocks,
        .rest = memory + 2 * blocks,
        .stack = memory + 3 * blocks,
        .floor = memory + 3 * blocks + sections,
        .load = memory + 3 * blocks + 2 * sections,
        .passed = (bool *)(memory + 3 * blocks + 3 * sections),
    };
    int32_t beneath;
    enum outcome outcome = IMPOSSIBLE;
    if (reach(search, &level, left, count, low, rank, &beneath) &&
        fits_above(search, &level, left, count, first, last)) {
        outcome = descend(search, &level, left, count, first, last, beneath);
    }
    free(memory);
    return outcome;
}

/* A stretch of sections that shares no block with the others. */
typedef struct {
    int32_t first;
    int32_t end;
    int32_t fullest; /* load of its fullest section */
} part_t;

/* Finds the parts, fullest first, of equal ones the earliest first. reaches: of each section from first to last, where
 * the longest block that begins there ends. Returns their number. */
static int32_t find_parts(const search_t *search, const int32_t *reaches, int32_t first, int32_t last, part_t *parts)
{
    int32_t count = 0;
    for (int32_t start = first; start < last;) {
        part_t part = {.first = start, .end = reaches[start - first], .fullest = 0};
        for (int32_t s = start; s < part.end; s++) {
            part.end = greatest(part.end, reaches[s - first]);
            part.fullest = greatest(part.fullest, search->load[s]);
        }
        start = greatest(part.end, start + 1);
        if (part.end > 0) {
            int32_t place = count++;
            while (place > 0 && parts[place - 1].fullest < part.fullest) {
                parts[place] = parts[place - 1];
                place--;
            }
            parts[place] = part;
        }
    }
    return count;
}

/* Solves the parts that share no section, fullest first. */
static enum outcome solve(search_t *search, const int32_t *left, int32_t count, int32_t low, int32_t rank)
{
    int32_t first = INT32_MAX;
    int32_t last = 0;
    for (int32_t at = 0; at < count; at++) {
        first = least(first, search->begin[left[at]]);
        last = greatest(last, search->end[left[at]]);
    }
    if (first >= last) {
        return PACKED;
    }
    const size_t sections = (size_t)(last - first);
    int32_t *reaches = calloc(sections + (size_t)count, sizeof *reaches);
    part_t *parts = malloc((size_t)count * sizeof *parts);
    if (reaches == NULL || parts == NULL) {
        free(reaches);
        free(parts);
        return NO_MEMORY;
    }
    int32_t *members = reaches + sections;
    for (int32_t at = 0; at < count; at++) {
        int32_t *end = &reaches[search->begin[left[at]] - first];
        *end = greatest(*end, search->end[left[at]]);
    }
    const int32_t part_count = find_parts(search, reaches, first, last, parts);
    enum outcome outcome = PACKED;
    for (int32_t turn = 0; turn < part_count && outcome == PACKED; turn++) {
        const part_t *part = &parts[turn];
        int32_t size = 0;
        int32_t part_rank = 0;
        for (int32_t at = 0; at < count; at++) {
            if (search->begin[left[at]] >= part->first && search->begin[left[at]] < part->end) {
                part_rank += at < rank ? 1 : 0;
                members[size++] = left[at];
            }
        }
        outcome = place(search, members, size, low, part_rank, part->first, part->end);
    }
    free(parts);
    free(reaches);
    return outcome;
}

/* Searches once. order: blocks, preferred first. nodes: in, placements allowed; out, placements left. */
int32_t tinyseg_search(int32_t count, int32_t sections, const int32_t *size, const int32_t *begin,
                       const int32_t *end, int32_t height, const int32_t *order, int64_t *nodes, int64_t *blame,
                       int32_t *address)
{
    int32_t *memory = calloc(2 * (size_t)sections + 1, sizeof *memory);
    if (memory == NULL) {
        return NO_MEMORY;
    }
    search_t search = {
        .size = size,
        .begin = begin,
        .end = end,
        .height = height,
        .floor = memory,
        .load = memory + sections,
        .address = address,
        .blame = blame,
        .nodes = *nodes,
    };
    for (int32_t block = 0; block < count; block++) {
        for (int32_t s = begin[block]; s < end[block]; s++) {
            search.load[s] += size[block];
        }
    }
    const enum outcome outcome = solve(&search, order, count, -1, 0);
    *nodes = search.nodes;
    free(memory);
    return (int32_t)outcome;
}
