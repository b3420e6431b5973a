/* SPDX-License-Identifier: Apache-2.0 */
/* Cycles that a processor waits for its memories: wait states, prefetch of the next line, caches.
 *
 * A read of flash takes `wait` cycles more than one of a memory beside the core, and yields a line of `read_bytes`, which the
 * interface keeps: what follows in it is there. With prefetch the next line is read while instructions of this one run.
 * A cache holds lines that it has read, the least recently used goes; a miss reads `fill_bytes` of a line. Stores wait for
 * nothing (they are buffered), and fetch their line into a cache of data. */
#ifndef MEMORY_TIMING_H
#define MEMORY_TIMING_H

#include <stdbool.h>
#include <stdint.h>

#include "qemu_plugin.h"

typedef enum { CODE, DATA, CONTENTS } content;

/* Takes one description; false where it is none.
 *   memory=LOW-HIGH:WAIT:READ_BYTES:PREFETCH:CODE_CACHE:DATA_CACHE   addresses hexadecimal, caches by number or -1
 *   cache=BYTES:LINE_BYTES:WAYS:FILL_BYTES                           numbered in their order, before the memories */
bool memory_timing_add_memory(const char *text);
bool memory_timing_add_cache(const char *text);

/* Whether anything waits at all. */
bool memory_timing_is_needed(void);

/* Follows the instructions of a block and what they load and store, while they are counted.
 *   executed   instructions since the start, which the memories take for the time */
void memory_timing_watch(struct qemu_plugin_tb *block, bool (*is_counted)(void), const uint64_t *executed);

/* Cycles waited since the last call, for code and for data. */
void memory_timing_take(uint64_t waited[CONTENTS]);

#endif
