/* SPDX-License-Identifier: Apache-2.0 */
/* Brackets around what is counted.
 *
 * Normally these are empty functions whose addresses the QEMU plugin knows. With TINYSEG_TIMER, where no plugin can
 * be loaded, they read SysTick, which under `-icount` advances by a fixed time per instruction. Its interrupt counts
 * the wraps. The ratio of instructions to ticks comes from the Makefile. On a board what is counted is cycles: by
 * SysTick, or by the cycle counter of the trace unit (TINYSEG_TIMER_DWT; Armv7-M Architecture Reference Manual, "DWT
 * Cycle Count register"), whose 32 bits are enough between two markers. */
#include "port.h"

#ifndef TINYSEG_TIMER
/* Different comments, so that the compiler cannot merge the functions. */
__attribute__((noinline)) void perf_begin(void)
{
    __asm__ volatile("/* begin */" ::: "memory");
}

__attribute__((noinline)) void perf_pause(void)
{
    __asm__ volatile("/* pause */" ::: "memory");
}

__attribute__((noinline)) void perf_resume(void)
{
    __asm__ volatile("/* resume */" ::: "memory");
}

__attribute__((noinline)) void perf_end(void)
{
    __asm__ volatile("/* end */" ::: "memory");
}

#else
#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define SYSTICK_CONTROL REGISTER(0xE000E010)
#define SYSTICK_RELOAD REGISTER(0xE000E014)
#define SYSTICK_VALUE REGISTER(0xE000E018)
#define SYSTICK_ON 7u /* processor clock, interrupt, enabled */
#define SYSTICK_PERIOD (1u << 24)
#ifdef TINYSEG_TIMER_INSTRUCTIONS
#define WRAP_INSTRUCTIONS 5u /* of SysTick_Handler */
#else
#define TINYSEG_TIMER_INSTRUCTIONS 1u
#define TINYSEG_TIMER_TICKS 1u
#define WRAP_INSTRUCTIONS 0u /* the handler's few cycles in 16 million stay counted */
#endif

typedef struct {
    uint32_t wraps;
    uint32_t value;
} moment;

perf_count perf_run;
perf_count perf_callbacks;
static moment start;
#ifdef TINYSEG_TIMER_DWT
#define DEBUG_CONTROL REGISTER(0xE000EDFC)
#define TRACE_ENABLED (1u << 24)
#define DWT_CONTROL REGISTER(0xE0001000)
#define DWT_CYCLES REGISTER(0xE0001004)
#define DWT_LOCK REGISTER(0xE0001FB0) /* of a Cortex-M7; ignored elsewhere */
#define DWT_KEY 0xC5ACCE55u

static void start_timer(void)
{
    DEBUG_CONTROL |= TRACE_ENABLED;
    DWT_LOCK = DWT_KEY;
    DWT_CYCLES = 0;
    DWT_CONTROL |= 1u;
}

static inline __attribute__((always_inline)) moment now(void)
{
    return (moment){ .wraps = 0, .value = DWT_CYCLES };
}

static void add(perf_count *count, moment end)
{
    count->instructions += end.value - start.value;
    count->segments++;
}
#else
void SysTick_Handler(void);

extern volatile uint32_t perf_wraps; /* named, because the handler's assembly uses it */
volatile uint32_t perf_wraps;

__attribute__((naked)) void SysTick_Handler(void)
{
    __asm__ volatile(
        ".syntax unified\n"
        "ldr r0, =perf_wraps\n"
        "ldr r1, [r0]\n"
        "adds r1, #1\n"
        "str r1, [r0]\n"
        "bx lr\n"
        ".ltorg\n");
}

static void start_timer(void)
{
    SYSTICK_RELOAD = SYSTICK_PERIOD - 1u;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = SYSTICK_ON;
    while (SYSTICK_VALUE == 0) { /* reloads one tick later */
    }
}

/* SysTick counts down. Its value is read between two reads of the wraps, which differ only where it wrapped in
 * between; the number of instructions is the same either way. */
static inline __attribute__((always_inline)) moment now(void)
{
    const uint32_t before = perf_wraps;
    const uint32_t value = SYSTICK_VALUE;
    const uint32_t after = perf_wraps;
    const uint32_t mask = 0u - (value >> 23); /* all ones in the first half of a period */
    return (moment){ .wraps = before ^ ((before ^ after) & mask), .value = value };
}

/* An instruction lasts more than two ticks, and a difference of two readings is less than one tick off: rounding
 * gives the exact number. */
static void add(perf_count *count, moment end)
{
    const uint32_t wraps = end.wraps - start.wraps;
    const uint64_t ticks = (uint64_t)wraps * SYSTICK_PERIOD + start.value - end.value;
    const uint64_t instructions =
        (ticks * TINYSEG_TIMER_INSTRUCTIONS + TINYSEG_TIMER_TICKS / 2u) / TINYSEG_TIMER_TICKS;
    count->instructions += instructions - (uint64_t)wraps * WRAP_INSTRUCTIONS;
    count->segments++;
}
#endif

typedef enum { BEGIN, PAUSE, RESUME, END } mark;

static __attribute__((noinline)) void account(mark kind, moment at)
{
    switch (kind) {
    case BEGIN:
        perf_run = (perf_count){ 0, 0 };
        perf_callbacks = (perf_count){ 0, 0 };
        start_timer();
        break;
    case RESUME:
        add(&perf_callbacks, at);
        break;
    case PAUSE:
    case END:
        add(&perf_run, at);
        break;
    }
}

/* All markers go through here, so that each costs the same number of instructions before the first reading and
 * after the second: the empty bracket then measures the cost of every segment. */
static __attribute__((noinline)) void pass(mark kind)
{
    account(kind, now());
    start = now();
}

__attribute__((noinline)) void perf_begin(void)
{
    pass(BEGIN);
}

__attribute__((noinline)) void perf_pause(void)
{
    pass(PAUSE);
}

__attribute__((noinline)) void perf_resume(void)
{
    pass(RESUME);
}

__attribute__((noinline)) void perf_end(void)
{
    pass(END);
}
#endif
