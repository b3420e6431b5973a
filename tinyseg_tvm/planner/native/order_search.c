/* SPDX-License-Identifier: Apache-2.0 */
/* Best-first search over sets of finished steps; the same as search in ../order_search.py, decision by decision.
 *
 * Lists of varying length are flat: those of item i are list[first[i]] to list[first[i + 1]]. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum outcome { FOUND = 0, EXHAUSTED = 1, GIVEN_UP = 2 };

/* As StepGraph in ../step_graph.py. Conditions of releases come first, then those of overlaps. */
typedef struct {
    int32_t operators;
    int32_t releases;
    int64_t at_start;
    int64_t start;
    const int32_t *first; /* of each operator, its first global step */
    const int32_t *needs_first;
    const int32_t *needs_source;
    const int32_t *needs_count;
    const int32_t *release_first;
    const int64_t *release_bytes;
    const int32_t *overlap_first;
    const int32_t *overlap_read;
    const int32_t *overlap_written;
    const int64_t *overlap_bytes;
    const int32_t *condition_first;
    const int32_t *condition_source;
    const int32_t *condition_count;
    const int64_t *net;
    const int64_t *during;
} graph_t;

/* A set of finished steps that was reached. */
typedef struct {
    int64_t level; /* the most bytes alive on the way, or the floor */
    int64_t live;
    int32_t parent;
    int32_t taken; /* operator whose step led here; steps that raise nothing followed at once */
    int32_t size;
} node_t;

typedef struct {
    int64_t level;
    int32_t size;
    int32_t node;
    int32_t turn;
} entry_t;

typedef struct {
    const graph_t *graph;
    const int32_t *begin; /* finished steps of each operator before the search */
    const int32_t *goal;  /* and behind it */
    node_t *nodes;
    uint16_t *done; /* of each node, finished steps per operator */
    int32_t count;
    int32_t room;
    int32_t *slots; /* hash table of nodes, -1 where free */
    uint32_t mask;
    entry_t *heap;
    int32_t open;
    int32_t heap_room;
    int32_t turns;
    bool failed;
} search_t;

static bool ready(const search_t *search, const uint16_t *done, int32_t number)
{
    const graph_t *graph = search->graph;
    if (done[number] >= search->goal[number]) {
        return false;
    }
    const int32_t at = graph->first[number] + done[number];
    for (int32_t n = graph->needs_first[at]; n < graph->needs_first[at + 1]; n++) {
        if (done[graph->needs_source[n]] < graph->needs_count[n]) {
            return false;
        }
    }
    return true;
}

static bool holds(const graph_t *graph, const uint16_t *done, int32_t condition)
{
    for (int32_t n = graph->condition_first[condition]; n < graph->condition_first[condition + 1]; n++) {
        if (done[graph->condition_source[n]] < graph->condition_count[n]) {
            return false;
        }
    }
    return true;
}

static int64_t growth(const graph_t *graph, const uint16_t *done, int32_t number)
{
    const int32_t at = graph->first[number] + done[number];
    int64_t bytes = graph->net[at];
    for (int32_t n = graph->release_first[at]; n < graph->release_first[at + 1]; n++) {
        if (holds(graph, done, n)) {
            bytes -= graph->release_bytes[n];
        }
    }
    return bytes;
}

/* Whether an overlap before entry n of a step is allowed and has the same written, or has been given the same read, line. */
static bool taken_before(const graph_t *graph, const uint16_t *done, int32_t begin, int32_t n, bool written)
{
    for (int32_t m = begin; m < n; m++) {
        const bool same = written ? graph->overlap_written[m] == graph->overlap_written[n]
                                  : graph->overlap_read[m] == graph->overlap_read[n];
        if (same && holds(graph, done, graph->releases + m) && (written || !taken_before(graph, done, begin, m, true))) {
            return true;
        }
    }
    return false;
}

static int64_t above(const graph_t *graph, const uint16_t *done, int32_t number)
{
    const int32_t at = graph->first[number] + done[number];
    const int32_t begin = graph->overlap_first[at];
    int64_t bytes = graph->during[at];
    for (int32_t n = begin; n < graph->overlap_first[at + 1]; n++) {
        if (holds(graph, done, graph->releases + n) && !taken_before(graph, done, begin, n, true) &&
            !taken_before(graph, done, begin, n, false)) {
            bytes -= graph->overlap_bytes[n];
        }
    }
    return bytes;
}

/* Runs every ready step that raises neither the live bytes nor the level, until there is none; notes them in order. */
static int64_t settle(const search_t *search, uint16_t *done, int64_t live, int64_t level, int32_t *order, int32_t *ran)
{
    const graph_t *graph = search->graph;
    for (bool changed = true; changed;) {
        changed = false;
        for (int32_t number = graph->operators; number-- > 0;) {
            while (ready(search, done, number)) {
                const int64_t more = growth(graph, done, number);
                if (more > 0 || live + above(graph, done, number) > level) {
                    break;
                }
                if (order != NULL) {
                    order[*ran] = number;
                }
                ++*ran;
                done[number]++;
                live += more;
                changed = true;
            }
        }
    }
    return live;
}

static bool comes_before(const entry_t *a, const entry_t *b)
{
    if (a->level != b->level) {
        return a->level < b->level;
    }
    return a->size != b->size ? a->size > b->size : a->turn < b->turn;
}

static void push(search_t *search, int32_t node)
{
    if (search->open == search->heap_room) {
        search->heap_room *= 2;
        entry_t *larger = realloc(search->heap, (size_t)search->heap_room * sizeof *larger);
        if (larger == NULL) {
            search->failed = true;
            return;
        }
        search->heap = larger;
    }
    const entry_t entry = {search->nodes[node].level, search->nodes[node].size, node, search->turns++};
    int32_t at = search->open++;
    while (at > 0 && comes_before(&entry, &search->heap[(at - 1) / 2])) {
        search->heap[at] = search->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    search->heap[at] = entry;
}

static entry_t pop(search_t *search)
{
    const entry_t first = search->heap[0];
    const entry_t last = search->heap[--search->open];
    int32_t at = 0;
    for (int32_t child = 1; child < search->open; child = 2 * at + 1) {
        if (child + 1 < search->open && comes_before(&search->heap[child + 1], &search->heap[child])) {
            child++;
        }
        if (!comes_before(&search->heap[child], &last)) {
            break;
        }
        search->heap[at] = search->heap[child];
        at = child;
    }
    search->heap[at] = last;
    return first;
}

/* The slot of a set in the hash table: that of its node, or the free one where it belongs. */
static uint32_t slot_of(const search_t *search, const uint16_t *done)
{
    const size_t bytes = (size_t)search->graph->operators * sizeof *done;
    uint64_t hash = 0;
    for (int32_t n = 0; n < search->graph->operators; n++) {
        hash = (hash ^ done[n]) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    uint32_t slot = (uint32_t)hash & search->mask;
    while (search->slots[slot] >= 0 &&
           memcmp(search->done + (size_t)search->slots[slot] * search->graph->operators, done, bytes) != 0) {
        slot = (slot + 1) & search->mask;
    }
    return slot;
}

static bool enlarge(search_t *search)
{
    const size_t room = 2 * (size_t)search->room;
    node_t *nodes = realloc(search->nodes, room * sizeof *nodes);
    search->nodes = nodes != NULL ? nodes : search->nodes;
    uint16_t *done = realloc(search->done, room * (size_t)search->graph->operators * sizeof *done);
    search->done = done != NULL ? done : search->done;
    int32_t *slots = malloc(2 * room * sizeof *slots);
    if (nodes == NULL || done == NULL || slots == NULL) {
        free(slots);
        return false;
    }
    free(search->slots);
    search->slots = slots;
    search->room = (int32_t)room;
    search->mask = (uint32_t)(2 * room - 1);
    memset(slots, -1, 2 * room * sizeof *slots);
    for (int32_t n = 0; n < search->count; n++) {
        slots[slot_of(search, done + (size_t)n * search->graph->operators)] = n;
    }
    return true;
}

/* Notes that a set is reached, unless it was on no higher level. */
static void reach(search_t *search, const uint16_t *done, node_t node)
{
    uint32_t slot = slot_of(search, done);
    if (search->slots[slot] >= 0) {
        const int32_t known = search->slots[slot];
        if (search->nodes[known].level > node.level) {
            search->nodes[known] = node;
            push(search, known);
        }
        return;
    }
    if (search->count == search->room) {
        if (!enlarge(search)) {
            search->failed = true;
            return;
        }
        slot = slot_of(search, done);
    }
    memcpy(search->done + (size_t)search->count * search->graph->operators, done,
           (size_t)search->graph->operators * sizeof *done);
    search->slots[slot] = search->count;
    search->nodes[search->count] = node;
    push(search, search->count++);
}

/* Sets ``done`` to where the search begins. */
static void start(const search_t *search, uint16_t *done)
{
    for (int32_t number = 0; number < search->graph->operators; number++) {
        done[number] = (uint16_t)search->begin[number];
    }
}

/* The steps that led to a node. */
static void retrace(const search_t *search, int64_t live, int32_t node, uint16_t *done, int32_t *chain, int32_t *order)
{
    const graph_t *graph = search->graph;
    int32_t length = 0;
    for (int32_t at = node; at >= 0; at = search->nodes[at].parent) {
        chain[length++] = at;
    }
    int32_t ran = 0;
    start(search, done);
    while (length > 0) {
        const node_t *at = &search->nodes[chain[--length]];
        if (at->taken >= 0) {
            live += growth(graph, done, at->taken);
            done[at->taken]++;
            order[ran++] = at->taken;
        }
        live = settle(search, done, live, at->level, order, &ran);
    }
}

static void expand(search_t *search, int32_t node, int64_t upper, uint16_t *scratch)
{
    const graph_t *graph = search->graph;
    const node_t from = search->nodes[node];
    for (int32_t number = 0; number < graph->operators; number++) {
        const uint16_t *done = search->done + (size_t)node * graph->operators;
        if (!ready(search, done, number)) {
            continue;
        }
        const int64_t peak = from.live + above(graph, done, number);
        const int64_t level = peak > from.level ? peak : from.level;
        if (level > upper) {
            continue;
        }
        memcpy(scratch, done, (size_t)graph->operators * sizeof *done);
        const int64_t live = from.live + growth(graph, done, number);
        scratch[number]++;
        int32_t size = from.size + 1;
        const int64_t settled = settle(search, scratch, live, level, NULL, &size);
        reach(search, scratch, (node_t){level, settled, node, number, size});
    }
}

/* Searches; the caller frees. */
static enum outcome run(search_t *search, int64_t live, int64_t upper, int32_t limit, uint16_t *scratch, int64_t *level,
                        int32_t *expanded, int32_t *found)
{
    int32_t steps = 0;
    for (int32_t number = 0; number < search->graph->operators; number++) {
        steps += search->goal[number] - search->begin[number];
    }
    start(search, scratch);
    int32_t size = 0;
    live = settle(search, scratch, live, *level, NULL, &size);
    reach(search, scratch, (node_t){*level, live, -1, -1, size});
    while (search->open > 0 && !search->failed) {
        const entry_t entry = pop(search);
        if (search->nodes[entry.node].level < entry.level) {
            continue;
        }
        *level = entry.level;
        if (entry.size == steps) {
            *found = entry.node;
            return FOUND;
        }
        if (*expanded == limit) {
            return GIVEN_UP;
        }
        ++*expanded;
        expand(search, entry.node, upper, scratch);
    }
    return EXHAUSTED;
}

/* Finds an order of the steps between two sets; its outcome, or -1 where memory ran out.
 * begin, goal: finished steps of each operator in either. live: bytes alive in the first.
 * level: in, no level is lower; out, that of the order found, or the least that is not ruled out.
 * expanded: out, sets that were looked at, at most limit. order: room for the steps. */
int32_t tinyseg_order(const graph_t *graph, const int32_t *begin, const int32_t *goal, int64_t live, int64_t upper,
                      int32_t limit, int64_t *level, int32_t *expanded, int32_t *order)
{
    const size_t operators = (size_t)graph->operators;
    const size_t steps = (size_t)graph->first[operators];
    search_t search = {.graph = graph, .begin = begin, .goal = goal, .room = 1 << 6, .heap_room = 1 << 6};
    search.mask = 2 * (uint32_t)search.room - 1;
    search.nodes = malloc((size_t)search.room * sizeof *search.nodes);
    search.done = malloc((size_t)search.room * (operators + 1) * sizeof *search.done);
    search.slots = malloc(2 * (size_t)search.room * sizeof *search.slots);
    search.heap = malloc((size_t)search.heap_room * sizeof *search.heap);
    uint16_t *scratch = malloc((operators + 1) * sizeof *scratch);
    int32_t *chain = malloc((steps + 1) * sizeof *chain);
    int32_t outcome = -1;
    if (search.nodes != NULL && search.done != NULL && search.slots != NULL && search.heap != NULL && scratch != NULL &&
        chain != NULL) {
        memset(search.slots, -1, 2 * (size_t)search.room * sizeof *search.slots);
        int32_t last = -1;
        *expanded = 0;
        const enum outcome found = run(&search, live, upper, limit, scratch, level, expanded, &last);
        outcome = search.failed ? -1 : (int32_t)found;
        if (outcome == FOUND) {
            retrace(&search, live, last, scratch, chain, order);
        } else if (outcome == EXHAUSTED) {
            *level = upper + 1;
        }
    }
    free(search.nodes);
    free(search.done);
    free(search.slots);
    free(search.heap);
    free(scratch);
    free(chain);
    return outcome;
}
