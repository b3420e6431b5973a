/* SPDX-License-Identifier: Apache-2.0 */
/* Orders of steps inside a cascade; the same as demand and frontier in ../cascade.py, step by step.
 *
 * Lists of varying length are flat: those of item i are list[first[i]] to list[first[i + 1]]. What is made for a
 * cascade grows with its steps, not with those of the whole network. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum mode { DEMAND = 0, EAGER = 1, FRONTIER = 2 };

/* As Flow in ../cascade.py. */
typedef struct flow {
    int32_t operators;
    int32_t lines;
    const int32_t *first; /* of each operator, its first global step */
    const int32_t *needs_first;
    const int32_t *needs_source;
    const int32_t *needs_count;
    const int64_t *made;
    const int64_t *freed;
    const int32_t *shared_first;
    const int32_t *shared;
    const int32_t *readers;
    const int64_t *line_bytes;
    const int32_t *producers_first;
    const int32_t *producers;
    const int32_t *consumers_first;
    const int32_t *consumers;
    const int32_t *pushed_first;
    const int32_t *pushed;
    const uint8_t *stores;
    const uint8_t *fetches;
} flow_t;

typedef struct {
    const flow_t *flow;
    bool *inside;
    bool *entry;
    int32_t *done;
    int32_t *total;
    int32_t *waiting; /* of lines that several operators read, by the members that are judged eagerly */
    int32_t *turns;   /* operators that begin or end the cascade */
    int32_t *pulled;  /* stack of pull: operators */
    int32_t *targets; /* and the steps that they must have run */
    int32_t *stack;   /* of settle and push */
    int32_t *order;
    int32_t count;
} run_t;

static void step(run_t *run, int32_t number)
{
    const flow_t *flow = run->flow;
    const int32_t at = flow->first[number] + run->done[number];
    if (run->waiting != NULL) {
        for (int32_t n = flow->shared_first[at]; n < flow->shared_first[at + 1]; n++) {
            run->waiting[flow->shared[n]]--;
        }
    }
    run->done[number]++;
    run->order[run->count++] = number;
}

static bool unfinished(const run_t *run, int32_t number)
{
    return run->inside[number] && run->done[number] < run->total[number];
}

static bool ready(const run_t *run, int32_t number)
{
    const flow_t *flow = run->flow;
    const int32_t at = flow->first[number] + run->done[number];
    for (int32_t n = flow->needs_first[at]; n < flow->needs_first[at + 1]; n++) {
        if (run->done[flow->needs_source[n]] < flow->needs_count[n]) {
            return false;
        }
    }
    return true;
}

static int64_t growth(const run_t *run, int32_t number)
{
    const flow_t *flow = run->flow;
    const int32_t at = flow->first[number] + run->done[number];
    int64_t bytes = flow->made[at] - flow->freed[at];
    for (int32_t n = flow->shared_first[at]; n < flow->shared_first[at + 1]; n++) {
        if (run->waiting[flow->shared[n]] == 1) {
            bytes -= flow->line_bytes[flow->shared[n]];
        }
    }
    return bytes;
}

/* Sends to storage what a step has made. */
static void drain(run_t *run, int32_t number)
{
    const flow_t *flow = run->flow;
    for (int32_t n = flow->consumers_first[number]; n < flow->consumers_first[number + 1]; n++) {
        const int32_t consumer = flow->consumers[n];
        if (flow->stores[consumer]) {
            while (unfinished(run, consumer) && ready(run, consumer)) {
                step(run, consumer);
            }
        }
    }
}

/* Runs consumers that are ready and do not increase the live bytes, and theirs. */
static void settle(run_t *run, int32_t number)
{
    const flow_t *flow = run->flow;
    int32_t depth = 0;
    run->stack[depth++] = number;
    while (depth > 0) {
        const int32_t at = run->stack[--depth];
        for (int32_t n = flow->consumers_first[at + 1]; n-- > flow->consumers_first[at];) {
            const int32_t consumer = flow->consumers[n];
            while (unfinished(run, consumer) && ready(run, consumer) && growth(run, consumer) <= 0) {
                step(run, consumer);
                run->stack[depth++] = consumer;
            }
        }
    }
}

/* Runs one step of the sink and before it all that it needs, depth first. */
static void pull(run_t *run, int32_t sink, bool eager)
{
    const flow_t *flow = run->flow;
    if (run->done[sink] >= run->total[sink]) {
        return;
    }
    int32_t depth = 1;
    run->pulled[0] = sink;
    run->targets[0] = run->done[sink] + 1;
    while (depth > 0) {
        const int32_t number = run->pulled[depth - 1];
        if (run->done[number] >= run->targets[depth - 1]) {
            depth--;
            continue;
        }
        const int32_t at = flow->first[number] + run->done[number];
        int32_t n = flow->needs_first[at];
        while (n < flow->needs_first[at + 1] && run->done[flow->needs_source[n]] >= flow->needs_count[n]) {
            n++;
        }
        if (n < flow->needs_first[at + 1]) {
            run->pulled[depth] = flow->needs_source[n];
            run->targets[depth++] = flow->needs_count[n];
            continue;
        }
        step(run, number);
        if (eager) {
            settle(run, number);
        } else {
            drain(run, number);
        }
    }
}

/* Whether the lines that the first count steps of a fetch need are in storage. */
static bool stored(const run_t *run, int32_t fetch, int32_t count)
{
    const flow_t *flow = run->flow;
    const int32_t first = flow->first[fetch];
    for (int32_t n = flow->needs_first[first + run->done[fetch]]; n < flow->needs_first[first + count]; n++) {
        if (run->done[flow->needs_source[n]] < flow->needs_count[n]) {
            return false;
        }
    }
    return true;
}

/* Whether the next step can run, once the fetches that it needs have run; runs them if so. */
static bool supply(run_t *run, int32_t number)
{
    const flow_t *flow = run->flow;
    const int32_t at = flow->first[number] + run->done[number];
    const int32_t begin = flow->needs_first[at];
    const int32_t end = flow->needs_first[at + 1];
    for (int32_t n = begin; n < end; n++) {
        const int32_t source = flow->needs_source[n];
        if (run->done[source] < flow->needs_count[n] &&
            !(flow->fetches[source] && stored(run, source, flow->needs_count[n]))) {
            return false;
        }
    }
    for (int32_t n = begin; n < end; n++) {
        while (run->done[flow->needs_source[n]] < flow->needs_count[n]) {
            step(run, flow->needs_source[n]);
        }
    }
    return true;
}

/* Runs all that became ready through a step, nearest to the sinks first. */
static void push(run_t *run, int32_t number)
{
    const flow_t *flow = run->flow;
    int32_t depth = 0;
    run->stack[depth++] = number;
    while (depth > 0) {
        const int32_t at = run->stack[depth - 1];
        int32_t n = flow->pushed_first[at + 1] - 1;
        for (; n >= flow->pushed_first[at]; n--) {
            const int32_t consumer = flow->pushed[n];
            if (!run->entry[consumer] && unfinished(run, consumer) && supply(run, consumer)) {
                step(run, consumer);
                run->stack[depth++] = consumer;
                break;
            }
        }
        if (n < flow->pushed_first[at]) {
            depth--;
        }
    }
}

static void finish(run_t *run, const int32_t *members, int32_t count)
{
    for (int32_t n = 0; n < count; n++) {
        while (run->done[members[n]] < run->total[members[n]]) {
            pull(run, members[n], false);
        }
    }
}

/* Readers of each line shared by members that have not read it yet, once all before have run. */
static void await(run_t *run, const int32_t *members, int32_t member_count, const int32_t *before,
                  int32_t before_count)
{
    const flow_t *flow = run->flow;
    for (int32_t n = 0; n < member_count; n++) {
        const int32_t last = flow->shared_first[flow->first[members[n] + 1]];
        for (int32_t line = flow->shared_first[flow->first[members[n]]]; line < last; line++) {
            run->waiting[flow->shared[line]] = flow->readers[flow->shared[line]];
        }
    }
    for (int32_t n = 0; n < before_count; n++) {
        const int32_t last = flow->shared_first[flow->first[before[n] + 1]];
        for (int32_t line = flow->shared_first[flow->first[before[n]]]; line < last; line++) {
            run->waiting[flow->shared[line]]--;
        }
    }
}

/* Whether no other member reads from one. */
static bool is_sink(const run_t *run, int32_t number)
{
    const flow_t *flow = run->flow;
    for (int32_t n = flow->consumers_first[number]; n < flow->consumers_first[number + 1]; n++) {
        if (run->inside[flow->consumers[n]]) {
            return false;
        }
    }
    return true;
}

/* Whether a member, no fetch, reads from no other member that is no fetch. */
static bool is_entry(const run_t *run, int32_t number)
{
    const flow_t *flow = run->flow;
    for (int32_t n = flow->producers_first[number]; n < flow->producers_first[number + 1]; n++) {
        if (run->inside[flow->producers[n]] && !flow->fetches[flow->producers[n]]) {
            return false;
        }
    }
    return !flow->fetches[number];
}

static int by_number(const void *a, const void *b)
{
    const int32_t left = *(const int32_t *)a;
    const int32_t right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

/* Finds the operators that take turns; their number. */
static int32_t find_turns(run_t *run, enum mode mode, const int32_t *members, int32_t count)
{
    int32_t found = 0;
    for (int32_t n = 0; n < count; n++) {
        const bool is_entered = mode == FRONTIER && is_entry(run, members[n]);
        run->entry[members[n]] = is_entered;
        if (is_entered || (mode != FRONTIER && is_sink(run, members[n]))) {
            run->turns[found++] = members[n];
        }
    }
    if (mode == FRONTIER) {
        qsort(run->turns, (size_t)found, sizeof *run->turns, by_number);
    }
    return found;
}

static void take_turn(run_t *run, enum mode mode, int32_t number)
{
    if (mode != FRONTIER) {
        pull(run, number, mode == EAGER);
    } else if (unfinished(run, number) && supply(run, number)) {
        step(run, number);
        push(run, number);
    }
}

/* Every operator that takes turns gets one per step, all of them in proportion; the first one first where level. */
static void take_turns(run_t *run, enum mode mode, int32_t count)
{
    int32_t *taken = run->turns + count;
    int32_t left = 0;
    for (int32_t n = 0; n < count; n++) {
        taken[n] = 0;
        left += run->total[run->turns[n]];
    }
    for (; left > 0; left--) {
        int32_t next = -1;
        double least = 2.0;
        for (int32_t n = 0; n < count; n++) {
            const double share = (double)(taken[n] + 1) / (double)run->total[run->turns[n]];
            if (taken[n] < run->total[run->turns[n]] && share < least) {
                least = share;
                next = n;
            }
        }
        taken[next]++;
        take_turn(run, mode, run->turns[next]);
    }
}

/* Steps in order; their number, or -1 where memory ran out. */
int32_t tinyseg_cascade(const flow_t *flow, int32_t mode, const int32_t *members, int32_t member_count,
                        const int32_t *before, int32_t before_count, int32_t *order)
{
    const size_t operators = (size_t)flow->operators;
    size_t steps = 0;
    for (int32_t n = 0; n < member_count; n++) {
        steps += (size_t)(flow->first[members[n] + 1] - flow->first[members[n]]);
    }
    const size_t integers = 2 * operators + 2 * (size_t)member_count + 2 * (operators + 1) + (steps + 2);
    int32_t *memory = malloc(integers * sizeof *memory);
    bool *flags = calloc(2 * operators + 1, sizeof *flags);
    run_t run = {.flow = flow, .order = order};
    run.waiting = mode == EAGER ? calloc((size_t)flow->lines + 1, sizeof *run.waiting) : NULL;
    const bool fine = memory != NULL && flags != NULL && (run.waiting != NULL || mode != EAGER);
    if (fine) {
        run.inside = flags;
        run.entry = flags + operators;
        run.done = memory;
        run.total = run.done + operators;
        run.turns = run.total + operators;
        run.pulled = run.turns + 2 * member_count;
        run.targets = run.pulled + operators + 1;
        run.stack = run.targets + operators + 1;
        for (int32_t n = 0; n < member_count; n++) {
            run.inside[members[n]] = true;
        }
        for (int32_t n = 0; n < flow->operators; n++) {
            run.total[n] = flow->first[n + 1] - flow->first[n];
            run.done[n] = run.inside[n] ? 0 : run.total[n];
        }
        if (mode == EAGER) {
            await(&run, members, member_count, before, before_count);
        }
        take_turns(&run, (enum mode)mode, find_turns(&run, (enum mode)mode, members, member_count));
        finish(&run, members, member_count);
    }
    free(memory);
    free(flags);
    free(run.waiting);
    return fine ? run.count : -1;
}
