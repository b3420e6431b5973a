/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU plugin: exact instruction counts between marker functions of the guest program.
 *
 * Arguments (addresses are hexadecimal, files are paths):
 *   out=FILE            where the results go
 *   begin=A end=A       a bracket: what runs between these two functions is counted
 *   pause=A resume=A    inside a bracket, what runs between these is counted apart (callbacks)
 *   profile=on          count per instruction address as well
 *   allow=LOW-HIGH      every store in the bracket (not in callbacks) must be inside one of these ranges; repeatable
 *   cache=, memory=     cycles that the memories take are counted, too (memory_timing.h); repeatable
 *
 * Results, one record per line:
 *   region N run INSTRUCTIONS segments SEGMENTS callbacks INSTRUCTIONS segments SEGMENTS violations COUNT
 *   count N ADDRESS INSTRUCTIONS          (profile, all brackets but the first together, N = 1)
 *   store N ADDRESS BYTES PC              (the first violations of bracket N)
 *   waited N CODE DATA                    (cycles, with memories) */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory_timing.h"
#include "qemu_plugin.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int qemu_plugin_version = QEMU_PLUGIN_API;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int count, char **arguments);

/* ---- Counters --------------------------------------------------------------------------------------------------- */

#if QEMU_PLUGIN_API == 1
static void count_instruction(struct qemu_plugin_insn *instruction, uint64_t *counter)
{
    qemu_plugin_register_vcpu_insn_exec_inline(instruction, INLINE_ADD_U64, counter, 1);
}
#else
/* Later versions increment only their own per-processor storage inline. A call is slower, and the same in all. */
static void increment(unsigned int cpu, void *counter)
{
    (void)cpu;
    ++*(uint64_t *)counter;
}

static void count_instruction(struct qemu_plugin_insn *instruction, uint64_t *counter)
{
    qemu_plugin_register_vcpu_insn_exec_cb(instruction, increment, CALLBACK_NO_REGISTERS, counter);
}
#endif

/* ---- State ------------------------------------------------------------------------------------------------------ */

#define BUCKETS 65536u
#define MOST_RANGES 16u
#define STORES_SHOWN 16u

/* One address of the program, counted on its own (profile). */
typedef struct site {
    uint64_t executed; /* since the start */
    uint64_t at_start; /* value at the start of the segment */
    uint64_t in_run;   /* in the counted segments */
    uint64_t address;
    struct site *next_in_bucket;
    struct site *next;
} site;

typedef struct {
    uint64_t instructions;
    uint64_t segments;
} count;

typedef enum { OUTSIDE, RUNNING, PAUSED } phase;

static FILE *out;
static uint64_t begin_address = UINT64_MAX, end_address = UINT64_MAX;
static uint64_t pause_address = UINT64_MAX, resume_address = UINT64_MAX;
static bool profile;
static struct {
    uint64_t low, high;
} allowed[MOST_RANGES];
static unsigned int allowed_count;

static phase now = OUTSIDE;
static uint64_t executed;      /* instructions since the start */
static uint64_t segment_start; /* value of `executed` */
static count run, callbacks;
static uint64_t region;
static uint64_t violations;
static site *buckets[BUCKETS];
static site *sites;

static site *site_at(uint64_t address)
{
    site **bucket = &buckets[(address >> 1) % BUCKETS];
    for (site *known = *bucket; known != NULL; known = known->next_in_bucket) {
        if (known->address == address) {
            return known;
        }
    }
    site *created = calloc(1, sizeof *created);
    if (created == NULL) {
        abort();
    }
    created->address = address;
    created->next_in_bucket = *bucket;
    *bucket = created;
    created->next = sites;
    sites = created;
    return created;
}

/* ---- Segments --------------------------------------------------------------------------------------------------- */

static bool is_counted(void)
{
    return now == RUNNING;
}

static void start_segment(phase next)
{
    now = next;
    segment_start = executed;
    if (profile && next == RUNNING) {
        for (site *s = sites; s != NULL; s = s->next) {
            s->at_start = s->executed;
        }
    }
}

static void finish_segment(count *total)
{
    total->instructions += executed - segment_start;
    total->segments++;
    /* The first bracket is the empty one that calibrates: it is no part of the profile. */
    if (profile && now == RUNNING && region > 0) {
        for (site *s = sites; s != NULL; s = s->next) {
            s->in_run += s->executed - s->at_start;
        }
    }
}

static void on_begin(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    uint64_t before[CONTENTS];
    memory_timing_take(before);
    run = callbacks = (count){ 0, 0 };
    violations = 0;
    start_segment(RUNNING);
}

static void on_pause(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    if (now == RUNNING) {
        finish_segment(&run);
        start_segment(PAUSED);
    }
}

static void on_resume(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    if (now == PAUSED) {
        finish_segment(&callbacks);
        start_segment(RUNNING);
    }
}

static void on_end(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    if (now != RUNNING) {
        return;
    }
    finish_segment(&run);
    now = OUTSIDE;
    fprintf(out,
            "region %" PRIu64 " run %" PRIu64 " segments %" PRIu64 " callbacks %" PRIu64 " segments %" PRIu64
            " violations %" PRIu64 "\n",
            region, run.instructions, run.segments, callbacks.instructions, callbacks.segments, violations);
    if (memory_timing_is_needed()) {
        uint64_t waited[CONTENTS];
        memory_timing_take(waited);
        fprintf(out, "waited %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", region, waited[CODE], waited[DATA]);
    }
    region++;
}

static void on_store(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t address, void *data)
{
    (void)cpu;
    const site *at = data;
    if (now != RUNNING || !qemu_plugin_mem_is_store(info)) { /* QEMU 7.2 reports loads as well */
        return;
    }
    const uint64_t bytes = UINT64_C(1) << qemu_plugin_mem_size_shift(info);
    for (unsigned int i = 0; i < allowed_count; i++) {
        if (address >= allowed[i].low && address + bytes <= allowed[i].high) {
            return;
        }
    }
    if (violations++ < STORES_SHOWN) {
        fprintf(out, "store %" PRIu64 " %" PRIx64 " %" PRIu64 " %" PRIx64 "\n", region, address, bytes, at->address);
    }
}

/* ---- QEMU's calls ----------------------------------------------------------------------------------------------- */

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    const size_t instructions = qemu_plugin_tb_n_insns(block);
    memory_timing_watch(block, is_counted, &executed);
    for (size_t i = 0; i < instructions; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        const uint64_t address = qemu_plugin_insn_vaddr(instruction);
        vcpu_callback marker = address == begin_address    ? on_begin
                               : address == end_address    ? on_end
                               : address == pause_address  ? on_pause
                               : address == resume_address ? on_resume
                                                           : NULL;
        if (marker != NULL) {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, marker, CALLBACK_NO_REGISTERS, NULL);
        }
        count_instruction(instruction, &executed);
        if (profile || allowed_count > 0) {
            site *at = site_at(address);
            if (profile) {
                count_instruction(instruction, &at->executed);
            }
            if (allowed_count > 0) {
                qemu_plugin_register_vcpu_mem_cb(instruction, on_store, CALLBACK_NO_REGISTERS, MEMORY_WRITE, at);
            }
        }
    }
}

static void on_finish(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    for (const site *s = sites; s != NULL; s = s->next) {
        if (s->in_run > 0) {
            fprintf(out, "count 1 %" PRIx64 " %" PRIu64 "\n", s->address, s->in_run);
        }
    }
    fclose(out);
}

/* The value of `key=value` where the argument has that key, else NULL. */
static const char *value_of(const char *argument, const char *key)
{
    const size_t length = strlen(key);
    return strncmp(argument, key, length) == 0 && argument[length] == '=' ? argument + length + 1 : NULL;
}

static bool parse_argument(const char *argument)
{
    const struct {
        const char *key;
        uint64_t *address;
    } addresses[] = { { "begin", &begin_address },
                      { "end", &end_address },
                      { "pause", &pause_address },
                      { "resume", &resume_address } };
    const char *value;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        if ((value = value_of(argument, addresses[i].key)) != NULL) {
            *addresses[i].address = strtoull(value, NULL, 16);
            return true;
        }
    }
    if ((value = value_of(argument, "out")) != NULL) {
        out = fopen(value, "w");
        return out != NULL;
    }
    if ((value = value_of(argument, "profile")) != NULL) {
        profile = strcmp(value, "on") == 0;
        return true;
    }
    if ((value = value_of(argument, "cache")) != NULL) {
        return memory_timing_add_cache(value);
    }
    if ((value = value_of(argument, "memory")) != NULL) {
        return memory_timing_add_memory(value);
    }
    if ((value = value_of(argument, "allow")) != NULL && allowed_count < MOST_RANGES) {
        char *separator;
        allowed[allowed_count].low = strtoull(value, &separator, 16);
        if (*separator != '-') {
            return false;
        }
        allowed[allowed_count++].high = strtoull(separator + 1, NULL, 16);
        return true;
    }
    return false;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argument_count, char **arguments)
{
    (void)info;
    for (int i = 0; i < argument_count; i++) {
        if (!parse_argument(arguments[i])) {
            fprintf(stderr, "instruction_counter: bad argument '%s'\n", arguments[i]);
            return 1;
        }
    }
    if (out == NULL || begin_address == UINT64_MAX || end_address == UINT64_MAX) {
        fprintf(stderr, "instruction_counter: out, begin and end are needed\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, on_finish, NULL);
    return 0;
}
