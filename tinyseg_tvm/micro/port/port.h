/* SPDX-License-Identifier: Apache-2.0 */
/* What the test harness needs of a platform: files, an exit status, stack and instruction counts.
 *
 * Implemented by cortex_m/ (semihosting, no C library) and host/ (stdio). */
#ifndef TINYSEG_PORT_H
#define TINYSEG_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses of the program. 0 to 12 are the network's own status. */
#define PORT_EXIT_FILE 64   /* a file is missing, too short, or cannot be written */
#define PORT_EXIT_CLOCK 65  /* an oscillator or regulator of the board does not become ready */
#define PORT_EXIT_FAULT 70  /* plus the number of the exception */

/* Arena, pools in further memories, and slow memory have sections of their own, so that the linker script can place them. */
#define PORT_ARENA(alignment) __attribute__((section(".bss.arena"), aligned(alignment)))
#define PORT_BANK(section_name, alignment) __attribute__((section(section_name), aligned(alignment)))
#define PORT_SLOW(alignment) __attribute__((section(".bss.slow"), aligned(alignment)))

/* Files of the working directory. A handle is negative where the file cannot be opened. */
int32_t port_open(const char *name, bool writable);
bool port_read(int32_t file, uint32_t offset, void *data, size_t bytes);
bool port_write(int32_t file, const void *data, size_t bytes);
void port_close(int32_t file);

/* Storage in a file: creates an empty file to be written and read; writes anywhere. */
int32_t port_open_update(const char *name);
bool port_write_at(int32_t file, uint32_t offset, const void *data, size_t bytes);

/* Sets up the board's storages for the network; fills in a pointer for each. */
struct tinyseg_storage;
void port_storages(struct tinyseg_storage *storages[]);

/* Ends the program. */
void port_exit(int status) __attribute__((noreturn));

/* Most bytes of stack used since reset; 0 where it is not measured. */
uint32_t port_stack_bytes(void);

/* Instructions are counted between perf_begin and perf_end, those between perf_pause and perf_resume (callbacks)
 * apart. The functions are markers for the QEMU plugin, or read a timer (TINYSEG_TIMER); see perf.c. */
void perf_begin(void);
void perf_pause(void);
void perf_resume(void);
void perf_end(void);

#ifdef TINYSEG_TIMER
/* Instructions of the last bracket, and the number of pieces that the pauses cut it into. */
typedef struct {
    uint64_t instructions;
    uint32_t segments;
} perf_count;

extern perf_count perf_run;
extern perf_count perf_callbacks;
#endif

#endif
