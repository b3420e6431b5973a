/* SPDX-License-Identifier: Apache-2.0 */
/* First-fit placement of blocks in the plane of time x address; the same as first_fit in ../rectangles.py, address by
 * address.
 *
 * For one block after the other, the open ranges of addresses that it cannot take are gathered, and the lowest (or
 * highest) address outside all of them is taken. What lives at the same time is found in a grid over time: each flight
 * (see ../rectangles.py) is kept in the row of the grid whose cells are just as long as its life, so that any of them
 * that overlaps a range of time begins in that range or in the cell before it. Two flights cost a search for those
 * rectangles that meet, not a look at each. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROWS 64
#define NONE (-1)

typedef struct {
    int64_t low;
    int64_t high;
} range_t;

typedef struct {
    range_t *item;
    size_t count;
    size_t room;
} ranges_t;

/* A flight: rectangles begin to end of its block, alive at some time from birth on and before its end. */
typedef struct {
    int64_t birth;
    int64_t end;
    int64_t low; /* addresses that it takes, once its block is placed */
    int64_t high;
    int32_t first;
    int32_t stop;
    int32_t next; /* in its cell */
} flight_t;

typedef struct {
    const int64_t *offset;
    const int64_t *size;
    const int64_t *birth;
    const int64_t *end;
    flight_t *flight;
    ranges_t ranges;
    int64_t begin; /* of time */
    int rows;
    int shift;              /* cells of the first row are 1 << shift slots long, those of the next twice as long, ... */
    int32_t *row[MAX_ROWS]; /* of each cell, the flight that came last; NONE */
    bool used[MAX_ROWS];
    int32_t *cells;
    int64_t top;            /* of all that is placed */
    int width;              /* of a bucket: 1 << width addresses */
    int32_t *head, *rest;   /* of each bucket the last range that begins in it, of each range the one before; NONE */
    size_t buckets, rest_room;
} board_t;

static int64_t round_down(int64_t value, int64_t unit)
{
    const int64_t rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

static int64_t round_up(int64_t value, int64_t unit)
{
    return -round_down(-value, unit);
}

/* Appends a range; false where memory ran out. */
static bool append(ranges_t *ranges, int64_t low, int64_t high)
{
    if (ranges->count == ranges->room) {
        const size_t room = 2 * ranges->room + 64;
        range_t *larger = realloc(ranges->item, room * sizeof *larger);
        if (larger == NULL) {
            return false;
        }
        ranges->item = larger;
        ranges->room = room;
    }
    ranges->item[ranges->count].low = low;
    ranges->item[ranges->count].high = high;
    ranges->count++;
    return true;
}

/* Appends a range; joins it with the one before, but none before number since, where they overlap. */
static bool forbid(ranges_t *ranges, int64_t low, int64_t high, size_t since)
{
    if (ranges->count > since) {
        range_t *last = &ranges->item[ranges->count - 1];
        if (low < last->high && last->low < high) {
            last->low = low < last->low ? low : last->low;
            last->high = high > last->high ? high : last->high;
            return true;
        }
    }
    return append(ranges, low, high);
}

/* The first of some rectangles (of a flight, so that ends never fall) that ends after a time. */
static int32_t first_ending_after(const board_t *board, int32_t first, int32_t stop, int64_t time)
{
    while (first < stop) {
        const int32_t middle = first + (stop - first) / 2;
        if (board->end[middle] > time) {
            stop = middle;
        } else {
            first = middle + 1;
        }
    }
    return first;
}

/* The first of some rectangles of a flight that is not born before a time. */
static int32_t first_born_from(const board_t *board, int32_t first, int32_t stop, int64_t time)
{
    while (first < stop) {
        const int32_t middle = first + (stop - first) / 2;
        if (board->birth[middle] >= time) {
            stop = middle;
        } else {
            first = middle + 1;
        }
    }
    return first;
}

/* Rectangles of a flight that live at the same time as rectangle r: from *first, to the result. */
static int32_t meeting(const board_t *board, const flight_t *flight, int32_t r, int32_t *first)
{
    if (flight->stop - flight->first == 1) {
        *first = flight->first;
        return flight->stop; /* the flight's life is the rectangle's; the caller has compared the lives */
    }
    *first = first_ending_after(board, flight->first, flight->stop, board->birth[r]);
    return first_born_from(board, *first, flight->stop, board->end[r]);
}

/* Forbids the addresses at which a flight would meet one that is placed. */
static bool avoid(board_t *board, const flight_t *mine, const flight_t *placed)
{
    const int64_t *offset = board->offset;
    const int64_t *size = board->size;
    const size_t since = board->ranges.count;
    const int64_t address = placed->low - offset[placed->first]; /* of its block */
    int32_t first = 0;
    if (mine->stop - mine->first <= placed->stop - placed->first) {
        for (int32_t r = mine->first; r < mine->stop; r++) {
            if (board->birth[r] >= placed->end || board->end[r] <= placed->birth) {
                continue;
            }
            const int32_t stop = meeting(board, placed, r, &first);
            const int64_t low = address + offset[first] - offset[r] - size[r];
            const int64_t high = address + offset[stop - 1] + size[stop - 1] - offset[r];
            if (first < stop && !forbid(&board->ranges, low, high, since)) {
                return false;
            }
        }
        return true;
    }
    for (int32_t r = placed->first; r < placed->stop; r++) {
        if (board->birth[r] >= mine->end || board->end[r] <= mine->birth) {
            continue;
        }
        const int32_t stop = meeting(board, mine, r, &first);
        const int64_t low = address + offset[r] - offset[stop - 1] - size[stop - 1];
        const int64_t high = address + offset[r] + size[r] - offset[first];
        if (first < stop && !forbid(&board->ranges, low, high, since)) {
            return false;
        }
    }
    return true;
}

/* The cell of a row that holds a time; the first one for times before the board's. */
static int64_t cell_of(const board_t *board, int row, int64_t time)
{
    return (time - board->begin) >> (board->shift + row);
}

/* Gathers what a flight cannot take. */
static bool gather(board_t *board, const flight_t *mine)
{
    const bool single = mine->stop - mine->first == 1;
    const int64_t bottom = board->offset[mine->first];
    const int64_t top = bottom + board->size[mine->first];
    for (int row = 0; row < board->rows; row++) {
        if (!board->used[row]) {
            continue;
        }
        const int64_t last = cell_of(board, row, mine->end - 1);
        int64_t cell = cell_of(board, row, mine->birth) - 1;
        for (cell = cell > 0 ? cell : 0; cell <= last; cell++) {
            for (int32_t n = board->row[row][cell]; n != NONE; n = board->flight[n].next) {
                const flight_t *placed = &board->flight[n];
                if (placed->birth >= mine->end || placed->end <= mine->birth) {
                    continue;
                }
                const bool both = single && placed->stop - placed->first == 1;
                if (!(both ? append(&board->ranges, placed->low - top, placed->high - bottom)
                           : avoid(board, mine, placed))) {
                    return false;
                }
            }
        }
    }
    return true;
}

static void keep(board_t *board, int32_t number, int64_t address)
{
    flight_t *flight = &board->flight[number];
    int row = 0;
    while (((int64_t)1 << (board->shift + row)) < flight->end - flight->birth) {
        row++;
    }
    int32_t *cell = &board->row[row][cell_of(board, row, flight->birth)];
    flight->low = address + board->offset[flight->first];
    flight->high = address + board->offset[flight->stop - 1] + board->size[flight->stop - 1];
    flight->next = *cell;
    *cell = number;
    board->used[row] = true;
}

static int by_high_falling(const void *a, const void *b)
{
    const int64_t left = ((const range_t *)a)->high;
    const int64_t right = ((const range_t *)b)->high;
    return (left < right) - (left > right);
}

/* Buckets of addresses for the ranges, by their lower ends: at least one for two of them. False where memory ran out. */
static bool bucket(board_t *board)
{
    const ranges_t *ranges = &board->ranges;
    board->width = 0;
    while (board->top >> board->width > 2 * (int64_t)ranges->count) {
        board->width++;
    }
    const size_t buckets = (size_t)(board->top >> board->width) + 1;
    if (buckets > board->buckets || ranges->room > board->rest_room) {
        free(board->head);
        free(board->rest);
        board->buckets = 2 * buckets;
        board->rest_room = ranges->room;
        board->head = malloc(board->buckets * sizeof *board->head);
        board->rest = malloc(board->rest_room * sizeof *board->rest);
        if (board->head == NULL || board->rest == NULL) {
            return false;
        }
    }
    memset(board->head, 0xff, buckets * sizeof *board->head); /* NONE */
    for (size_t at = 0; at < ranges->count; at++) {
        const int64_t low = ranges->item[at].low;
        int32_t *head = &board->head[low > 0 ? low >> board->width : 0];
        board->rest[at] = *head;
        *head = (int32_t)at;
    }
    return true;
}

/* The lowest address from 0 outside all ranges; -1 where memory ran out. */
static int64_t lowest(board_t *board, int64_t unit)
{
    if (!bucket(board)) {
        return -1;
    }
    const int64_t last = board->top >> board->width;
    int64_t free = 0;
    for (int64_t at = 0; at <= last; at++) {
        bool risen = board->head[at] != NONE;
        bool above = false; /* a range of this bucket lies above the address, and so do all of later buckets */
        while (risen) {
            risen = above = false;
            for (int32_t n = board->head[at]; n != NONE; n = board->rest[n]) {
                const range_t *range = &board->ranges.item[n];
                if (range->low >= free) {
                    above = true;
                } else if (range->high > free) {
                    free = round_up(range->high, unit);
                    risen = true;
                }
            }
        }
        if (above) {
            break;
        }
    }
    return free;
}

/* The highest address up to start outside all ranges; -1: none. */
static int64_t highest(ranges_t *ranges, int64_t start, int64_t unit)
{
    int64_t free = start;
    qsort(ranges->item, ranges->count, sizeof *ranges->item, by_high_falling);
    for (size_t at = 0; at < ranges->count; at++) {
        if (ranges->item[at].high <= free) {
            return free;
        }
        const int64_t low = round_down(ranges->item[at].low, unit);
        if (low < free) {
            free = low;
        }
    }
    return free >= 0 ? free : -1;
}

/* Makes flights and an empty grid for them, of about as many cells as there are flights. */
static bool prepare(board_t *board, int32_t flights, const int64_t *begin)
{
    int64_t stop = INT64_MIN;
    board->flight = malloc((size_t)(flights + 1) * sizeof *board->flight);
    if (board->flight == NULL) {
        return false;
    }
    board->begin = INT64_MAX;
    for (int32_t n = 0; n < flights; n++) {
        flight_t *flight = &board->flight[n];
        flight->first = (int32_t)begin[n];
        flight->stop = (int32_t)begin[n + 1];
        flight->birth = board->birth[flight->first];
        flight->end = board->end[flight->stop - 1];
        board->begin = flight->birth < board->begin ? flight->birth : board->begin;
        stop = flight->end > stop ? flight->end : stop;
    }
    const int64_t time = flights > 0 ? stop - board->begin : 1;
    while (time >> board->shift > 4 * (int64_t)flights + 64) {
        board->shift++;
    }
    size_t cells = 0;
    do {
        cells += (size_t)(time >> (board->shift + board->rows)) + 1;
    } while (((int64_t)1 << (board->shift + board->rows++)) < time);
    board->cells = malloc(cells * sizeof *board->cells);
    if (board->cells == NULL) {
        return false;
    }
    memset(board->cells, 0xff, cells * sizeof *board->cells); /* NONE */
    int32_t *next = board->cells;
    for (int row = 0; row < board->rows; row++) {
        board->row[row] = next;
        next += (time >> (board->shift + row)) + 1;
    }
    return true;
}

/* Addresses of all blocks, in the order given; 0 where memory ran out, else 1.
 * Flights of block k are first[k] to first[k + 1], rectangles of flight f are begin[f] to begin[f + 1].
 * from_above[k]: the highest free address below the ceiling. */
int32_t tinyseg_first_fit(int32_t count, const int64_t *first, const int64_t *begin, const int64_t *offset,
                          const int64_t *size, const int64_t *birth, const int64_t *end, int64_t unit,
                          const int64_t *order, const uint8_t *from_above, int64_t ceiling, int64_t *address)
{
    board_t board = {.offset = offset, .size = size, .birth = birth, .end = end};
    bool fine = prepare(&board, (int32_t)first[count], begin);
    for (int32_t turn = 0; fine && turn < count; turn++) {
        const int64_t block = order[turn];
        board.ranges.count = 0;
        for (int64_t n = first[block]; fine && n < first[block + 1]; n++) {
            fine = gather(&board, &board.flight[n]);
        }
        if (!fine) {
            break;
        }
        int64_t chosen = -1;
        int64_t height = 0;
        for (int64_t r = begin[first[block]]; r < begin[first[block + 1]]; r++) {
            height = offset[r] + size[r] > height ? offset[r] + size[r] : height;
        }
        if (from_above[block]) {
            chosen = highest(&board.ranges, round_down(ceiling - height, unit), unit);
        }
        if (chosen < 0) {
            chosen = lowest(&board, unit);
        }
        fine = chosen >= 0;
        address[block] = chosen;
        board.top = chosen + height > board.top ? chosen + height : board.top;
        for (int64_t n = first[block]; fine && n < first[block + 1]; n++) {
            keep(&board, (int32_t)n, chosen);
        }
    }
    free(board.ranges.item);
    free(board.flight);
    free(board.cells);
    free(board.head);
    free(board.rest);
    return fine;
}
