/* SPDX-License-Identifier: Apache-2.0 */
#include "memory_timing.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_MEMORIES 16u
#define MOST_CACHES 8u
#define MOST_WAYS 64u
#define NONE UINT64_MAX

typedef struct {
    uint64_t tag;    /* line number; NONE: empty */
    uint64_t filled; /* bit per part of `fill_bytes` */
    uint64_t used;   /* when, by the cache's clock */
} line;

typedef struct {
    uint64_t line_bytes, ways, fill_bytes, sets, clock;
    line *lines; /* [sets][ways] */
} cache;

typedef struct {
    uint64_t low, high, wait, read_bytes;
    bool prefetch;
    cache *caches[CONTENTS];
    uint64_t current[CONTENTS]; /* number of the line that the interface holds */
    uint64_t ahead, ready;      /* the line that is read ahead, and when it is there */
} memory;

static cache caches[MOST_CACHES];
static memory memories[MOST_MEMORIES];
static unsigned int cache_count, memory_count;
static uint64_t waited_for[CONTENTS]; /* since the start */
static uint64_t taken[CONTENTS];      /* of them, told */

bool memory_timing_add_cache(const char *text)
{
    cache *c = &caches[cache_count];
    uint64_t bytes;
    if (cache_count == MOST_CACHES ||
        sscanf(text, "%" SCNu64 ":%" SCNu64 ":%" SCNu64 ":%" SCNu64, &bytes, &c->line_bytes, &c->ways, &c->fill_bytes) != 4 ||
        c->line_bytes == 0 || c->ways == 0 || c->ways > MOST_WAYS || c->fill_bytes == 0 ||
        c->line_bytes % c->fill_bytes != 0 || c->line_bytes / c->fill_bytes > 64 || bytes % (c->line_bytes * c->ways) != 0) {
        return false;
    }
    c->sets = bytes / (c->line_bytes * c->ways);
    c->lines = calloc(c->sets * c->ways, sizeof *c->lines);
    if (c->sets == 0 || c->lines == NULL) {
        return false;
    }
    for (uint64_t i = 0; i < c->sets * c->ways; i++) {
        c->lines[i].tag = NONE;
    }
    cache_count++;
    return true;
}

bool memory_timing_add_memory(const char *text)
{
    memory *m = &memories[memory_count];
    int prefetch, code, data;
    if (memory_count == MOST_MEMORIES ||
        sscanf(text, "%" SCNx64 "-%" SCNx64 ":%" SCNu64 ":%" SCNu64 ":%d:%d:%d", &m->low, &m->high, &m->wait, &m->read_bytes,
               &prefetch, &code, &data) != 7 ||
        m->read_bytes == 0 || code >= (int)cache_count || data >= (int)cache_count) {
        return false;
    }
    m->prefetch = prefetch != 0;
    m->caches[CODE] = code < 0 ? NULL : &caches[code];
    m->caches[DATA] = data < 0 ? NULL : &caches[data];
    m->current[CODE] = m->current[DATA] = m->ahead = NONE;
    memory_count++;
    return true;
}

bool memory_timing_is_needed(void)
{
    return memory_count > 0;
}

static memory *memory_at(uint64_t address)
{
    for (unsigned int i = 0; i < memory_count; i++) {
        if (address >= memories[i].low && address < memories[i].high) {
            return &memories[i];
        }
    }
    return NULL;
}

/* Whether a cache holds an address. From then on it does. */
static bool hits(cache *c, uint64_t address)
{
    const uint64_t tag = address / c->line_bytes;
    const uint64_t part = UINT64_C(1) << (address % c->line_bytes / c->fill_bytes);
    line *set = &c->lines[tag % c->sets * c->ways], *oldest = set;
    c->clock++;
    for (line *l = set; l < set + c->ways; l++) {
        if (l->tag == tag) {
            const bool filled = (l->filled & part) != 0;
            l->filled |= part;
            l->used = c->clock;
            return filled;
        }
        oldest = l->used < oldest->used ? l : oldest;
    }
    *oldest = (line){ tag, part, c->clock };
    return false;
}

/* Cycles until what a cache lacks has been read: the first word that is needed comes first, the rest keeps the interface. */
static uint64_t read_wait(const memory *m, const cache *c)
{
    const uint64_t reads = c == NULL || c->fill_bytes <= m->read_bytes ? 1 : c->fill_bytes / m->read_bytes;
    return m->wait + reads - 1;
}

/* Cycles that the processor waits for the instructions of one unit of its memory. */
static uint64_t fetch_wait(memory *m, uint64_t address, uint64_t now)
{
    cache *c = m->caches[CODE];
    const uint64_t number = address / m->read_bytes;
    if (number == m->current[CODE]) {
        return 0;
    }
    const bool next = number == m->current[CODE] + 1;
    m->current[CODE] = number;
    if (c != NULL && hits(c, address)) {
        return 0;
    }
    uint64_t cycles = read_wait(m, c);
    if (m->prefetch) {
        if (next && m->ahead == number) {
            cycles = m->ready > now ? m->ready - now : 0;
        }
        m->ahead = number + 1;
        m->ready = now + cycles + m->wait + 1;
    }
    return cycles;
}

/* Instructions of the addresses [low, high) run, `count` of them, the first one `executed` after the start. */
static void fetch(uint64_t low, uint64_t high, uint64_t count, uint64_t executed)
{
    memory *m = memory_at(low);
    if (m == NULL) {
        return;
    }
    const uint64_t so_far = waited_for[CODE] + waited_for[DATA];
    uint64_t waited = 0;
    for (uint64_t at = low; at < high; at = (at / m->read_bytes + 1) * m->read_bytes) {
        waited += fetch_wait(m, at, executed + so_far + waited + count * (at - low) / (high - low));
    }
    waited_for[CODE] += waited;
}

static void load(uint64_t address)
{
    memory *m = memory_at(address);
    if (m == NULL) {
        return;
    }
    cache *c = m->caches[DATA];
    const uint64_t number = address / m->read_bytes;
    if (number != m->current[DATA] || c != NULL) {
        m->current[DATA] = number;
        if (c == NULL || !hits(c, address)) {
            waited_for[DATA] += read_wait(m, c);
        }
    }
}

static void store(uint64_t address)
{
    memory *m = memory_at(address);
    if (m != NULL && m->caches[DATA] != NULL) {
        hits(m->caches[DATA], address);
    }
}

/* Instructions that run one after the other: all of QEMU's blocks do. Kept for as long as the program runs. */
typedef struct {
    uint64_t low, high, instructions;
    bool (*is_counted)(void);
    const uint64_t *executed;
} stretch;

static void on_block(unsigned int cpu, void *data)
{
    (void)cpu;
    const stretch *s = data;
    if (s->is_counted()) {
        fetch(s->low, s->high, s->instructions, *s->executed);
    }
}

static void on_access(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t address, void *data)
{
    (void)cpu;
    const stretch *s = data;
    if (s->is_counted()) {
        (qemu_plugin_mem_is_store(info) ? store : load)(address);
    }
}

void memory_timing_watch(struct qemu_plugin_tb *block, bool (*is_counted)(void), const uint64_t *executed)
{
    const size_t instructions = qemu_plugin_tb_n_insns(block);
    if (memory_count == 0 || instructions == 0) {
        return;
    }
    const struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(block, instructions - 1);
    stretch *s = malloc(sizeof *s);
    if (s == NULL) {
        abort();
    }
    *s = (stretch){ qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(block, 0)),
                    qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last), instructions, is_counted, executed };
    qemu_plugin_register_vcpu_tb_exec_cb(block, on_block, CALLBACK_NO_REGISTERS, s);
    for (size_t i = 0; i < instructions; i++) {
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(block, i), on_access, CALLBACK_NO_REGISTERS, MEMORY_ANY,
                                         s);
    }
}

void memory_timing_take(uint64_t waited[CONTENTS])
{
    for (int i = 0; i < CONTENTS; i++) {
        waited[i] = waited_for[i] - taken[i];
        taken[i] = waited_for[i];
    }
}
