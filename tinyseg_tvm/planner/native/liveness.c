/* SPDX-License-Identifier: Apache-2.0 */
/* The most bytes alive while a segment's steps run; the same as lifetimes and live_profile in ../liveness.py, byte by
 * byte. What is before the segment and behind it runs layer by layer; only lines that the segment touches are looked at.
 *
 * Lists of varying length are flat: those of item i are list[first[i]] to list[first[i + 1]]. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct flow;
int32_t tinyseg_cascade(const struct flow *flow, int32_t mode, const int32_t *members, int32_t member_count,
                        const int32_t *before, int32_t before_count, int32_t *order); /* of cascade.c */

/* As StepTable in ../step_table.py; in_place has two entries each (lines), in_place_whole four (step, tensors, operator). */
typedef struct {
    int64_t operators;
    int64_t lines;
    int64_t in_place_wholes;
    const int64_t *first_step;
    const int64_t *first_line;
    const int64_t *line_bytes;
    const int64_t *written_first; /* of each step, the lines that it writes */
    const int64_t *written;
    const int64_t *read_first; /* and those that its operator reads for the last time */
    const int64_t *read;
    const int64_t *in_place_first;
    const int64_t *in_place;
    const int64_t *in_place_whole;
    const int64_t *state_bytes;
    const int64_t *scratch_bytes;
    const uint8_t *resident_output;
} table_t;

/* As OrderedLines in ../segmentation.py. */
typedef struct {
    const int32_t *order;    /* operators */
    const int32_t *position; /* of each operator */
    const int64_t *written_at;
    const int64_t *last_position; /* of each line */
    const int64_t *alive;         /* bytes at each cut */
    const int64_t *staying;       /* and those of them that stay until the end */
    int64_t at_start;
    int64_t at_end;
} ordered_t;

enum mark { HAS_PARTNER = 1, IS_WRITTEN_OVER = 2, IS_COUNTED = 4 };

typedef struct {
    const table_t *table;
    const ordered_t *lines;
    int32_t begin;
    int32_t end;
    int32_t count;
    int64_t *slot;     /* of each step of the segment */
    int32_t *done;     /* steps of each operator */
    int64_t *stop;     /* of each line that the segment touches: the slot behind its last, if none reads it later */
    uint8_t *mark;     /* of the same lines */
    int64_t *settled;  /* change in each slot of what further operators do not change */
    int64_t *crossing; /* and of what they may read, and so release earlier */
    int64_t base;      /* bytes alive before, that the segment reads for the last time or that stay */
} life_t;

/* Whether a line is read behind the segment. */
static bool crosses(const life_t *life, int64_t line)
{
    return !life->table->resident_output[line] && life->lines->last_position[line] >= life->end;
}

/* Whether a line that the segment touches ends there. */
static bool ends(const life_t *life, int64_t line)
{
    return !life->table->resident_output[line] && life->lines->last_position[line] < life->end;
}

static void touch(life_t *life, int64_t line, int64_t slot)
{
    life->stop[line] = slot + 1;
    life->mark[line] = 0;
}

/* Slots of steps, and where lines end by what reads them. */
static void run(life_t *life, const int32_t *steps)
{
    const table_t *table = life->table;
    for (int32_t n = 0; n < life->count; n++) {
        const int64_t step = table->first_step[steps[n]] + life->done[steps[n]]++;
        life->slot[step] = n;
        for (int64_t w = table->written_first[step]; w < table->written_first[step + 1]; w++) {
            touch(life, table->written[w], n);
        }
        for (int64_t r = table->read_first[step]; r < table->read_first[step + 1]; r++) {
            touch(life, table->read[r], n);
        }
    }
}

/* What is written over ends where its heir begins. Which lines are, is known before any end moves. */
static void inherit_lines(life_t *life, int64_t step)
{
    const table_t *table = life->table;
    for (int64_t n = table->in_place_first[step]; n < table->in_place_first[step + 1]; n++) {
        const int64_t read = table->in_place[2 * n];
        const int64_t written = table->in_place[2 * n + 1];
        if (ends(life, read) && life->stop[read] == life->slot[step] + 1 && !(life->mark[written] & HAS_PARTNER)) {
            life->mark[written] |= HAS_PARTNER;
            life->mark[read] |= IS_WRITTEN_OVER;
        }
    }
}

static void inherit_wholes(life_t *life)
{
    const table_t *table = life->table;
    for (int64_t n = 0; n < table->in_place_wholes; n++) {
        const int64_t *whole = &table->in_place_whole[4 * n];
        const int32_t position = life->lines->position[whole[3]];
        if (position < life->begin || position >= life->end) {
            continue;
        }
        const int64_t first = table->first_line[whole[1]];
        const int64_t stop = table->first_line[whole[1] + 1];
        bool all_end = true;
        for (int64_t line = first; all_end && line < stop; line++) {
            all_end = ends(life, line) && life->stop[line] == life->slot[whole[0]] + 1;
        }
        for (int64_t line = first; all_end && line < stop; line++) {
            life->stop[line]--;
        }
    }
}

/* Counts a line that ends in the segment out, once. */
static void release(life_t *life, int64_t line)
{
    const int64_t bytes = life->table->line_bytes[line];
    life->mark[line] |= IS_COUNTED;
    life->settled[life->stop[line] - ((life->mark[line] & IS_WRITTEN_OVER) != 0)] -= bytes;
}

static void count_lines(life_t *life, int64_t step)
{
    const table_t *table = life->table;
    const int64_t slot = life->slot[step];
    for (int64_t n = table->read_first[step]; n < table->read_first[step + 1]; n++) {
        const int64_t line = table->read[n];
        if (life->lines->written_at[line] < life->begin && ends(life, line) && !(life->mark[line] & IS_COUNTED)) {
            life->base += table->line_bytes[line];
            release(life, line);
        }
    }
    for (int64_t n = table->written_first[step]; n < table->written_first[step + 1]; n++) {
        const int64_t line = table->written[n];
        if (crosses(life, line)) {
            life->crossing[slot] += table->line_bytes[line];
        } else {
            life->settled[slot] += table->line_bytes[line];
        }
        if (ends(life, line)) {
            release(life, line);
        }
    }
}

static void count_buffers(life_t *life)
{
    const table_t *table = life->table;
    for (int32_t n = life->begin; n < life->end; n++) {
        const int32_t number = life->lines->order[n];
        const int64_t first = table->first_step[number];
        const int64_t stop = table->first_step[number + 1];
        for (int64_t step = first; table->scratch_bytes[number] && step < stop; step++) {
            life->settled[life->slot[step]] += table->scratch_bytes[number];
            life->settled[life->slot[step] + 1] -= table->scratch_bytes[number];
        }
        if (table->state_bytes[number] && first < stop) {
            life->settled[life->slot[first]] += table->state_bytes[number];
            life->settled[life->slot[stop - 1] + 1] -= table->state_bytes[number];
        }
    }
}

/* The highest sum of all changes, from before the first step; that of the settled ones alone. */
static int64_t highest(const life_t *life, int64_t *settled)
{
    const ordered_t *lines = life->lines;
    int64_t fixed = lines->staying[life->begin] + life->base;
    int64_t crossing = lines->alive[life->begin] - fixed;
    int64_t peak = life->begin == 0 ? lines->at_start : 0;
    *settled = peak;
    for (int32_t slot = 0; slot < life->count; slot++) {
        fixed += life->settled[slot];
        crossing += life->crossing[slot];
        peak = fixed + crossing > peak ? fixed + crossing : peak;
        *settled = fixed > *settled ? fixed : *settled;
    }
    return life->end == life->table->operators && lines->at_end > peak ? lines->at_end : peak;
}

static void judge(life_t *life, const int32_t *steps)
{
    run(life, steps);
    for (int32_t n = life->begin; n < life->end; n++) {
        const int32_t number = life->lines->order[n];
        for (int64_t step = life->table->first_step[number]; step < life->table->first_step[number + 1]; step++) {
            inherit_lines(life, step);
        }
    }
    inherit_wholes(life);
    for (int32_t n = life->begin; n < life->end; n++) {
        const int32_t number = life->lines->order[n];
        for (int64_t step = life->table->first_step[number]; step < life->table->first_step[number + 1]; step++) {
            count_lines(life, step);
        }
    }
    count_buffers(life);
}

/* The peak of the segment order[begin] to order[end], whose steps are ordered in some mode; -1 where memory ran out.
 * settled: the part of it that operators behind do not change where they join the segment. */
int64_t tinyseg_segment_peak(const struct flow *flow, const table_t *table, const ordered_t *lines, int32_t mode,
                             int32_t begin, int32_t end, int64_t *settled)
{
    const size_t steps = (size_t)table->first_step[table->operators];
    size_t own = 0;
    for (int32_t n = begin; n < end; n++) {
        own += (size_t)(table->first_step[lines->order[n] + 1] - table->first_step[lines->order[n]]);
    }
    life_t life = {.table = table, .lines = lines, .begin = begin, .end = end};
    int64_t *changes = calloc(2 * (own + 2), sizeof *changes);
    int64_t *touched = malloc((steps + (size_t)table->lines + 1) * sizeof *touched);
    int32_t *numbers = malloc((own + (size_t)table->operators + 1) * sizeof *numbers);
    life.mark = malloc((size_t)table->lines + 1);
    int64_t peak = -1;
    if (changes != NULL && touched != NULL && numbers != NULL && life.mark != NULL) {
        life.settled = changes;
        life.crossing = changes + own + 2;
        life.slot = touched;
        life.stop = touched + steps;
        life.done = numbers + own;
        for (int64_t n = 0; n < table->operators; n++) {
            life.done[n] = 0;
        }
        life.count = tinyseg_cascade(flow, mode, lines->order + begin, end - begin, lines->order, begin, numbers);
        if (life.count >= 0) {
            judge(&life, numbers);
            peak = highest(&life, settled);
        }
    }
    free(changes);
    free(touched);
    free(numbers);
    free(life.mark);
    return peak;
}
