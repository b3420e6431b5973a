/* SPDX-License-Identifier: Apache-2.0 */
/* An operating system of two threads in QEMU: they run in turn, each on a stack of its own. Armv7-M and later. */
#include "os.h"

#include <stdint.h>

#include "port.h"

#define STACK_WORDS 512u
#define SAVED 9u         /* r4 to r11 and where to go on */
#define SAVED_FLOATS 16u /* s16 to s31 */

static uint64_t stacks[2][STACK_WORDS / 2u];
static uint32_t *stopped[2]; /* stack pointers of threads that do not run */
static uint32_t running, turns, images, deliveries;

/* Stores the stack pointer at `from` and goes on with that at `to`. */
static void switch_stacks(uint32_t **from, uint32_t *to);

__attribute__((naked, noinline)) static void switch_stacks(uint32_t **from __attribute__((unused)),
                                                           uint32_t *to __attribute__((unused)))
{
    __asm__ volatile(
        "push {r4-r11, lr}\n"
#ifdef __ARM_FP
        "vpush {s16-s31}\n"
#endif
        "str sp, [r0]\n"
        "mov sp, r1\n"
#ifdef __ARM_FP
        "vpop {s16-s31}\n"
#endif
        "pop {r4-r11, pc}\n");
}

void os_yield(void)
{
    const uint32_t last = running;
    running = 1u - last;
    switch_stacks(&stopped[last], stopped[running]);
}

/* The other thread: it counts how often it gets to run. */
static void blink_thread(void)
{
    for (;;) {
        turns++;
        os_yield();
    }
}

static void prepare(uint32_t thread, void (*function)(void))
{
    uint32_t *top = (uint32_t *)(void *)stacks[thread] + STACK_WORDS - 1u;
    *top = (uint32_t)(uintptr_t)function;
    top -= SAVED - 1u;
#ifdef __ARM_FP
    top -= SAVED_FLOATS;
#endif
    stopped[thread] = top;
}

bool os_wait_for_image(void *image, size_t bytes)
{
    char name[] = "input0_0.bin";
    name[5] = (char)('0' + images);
    const int32_t file = port_open(name, false);
    if (file < 0) { /* the end: the other thread must have run between steps of every image */
        port_exit(deliveries == images && turns > 2u * images ? 0 : 1);
    }
    if (!port_read(file, 0, image, bytes)) {
        port_exit(PORT_EXIT_FILE);
    }
    port_close(file);
    images++;
    return true;
}

void os_deliver(int status, const void *mask, size_t bytes)
{
    char name[] = "output0_0.bin";
    name[6] = (char)('0' + deliveries);
    const int32_t file = port_open(name, true);
    if (status != 0 || file < 0 || !port_write(file, mask, bytes)) {
        port_exit(status != 0 ? status : PORT_EXIT_FILE);
    }
    port_close(file);
    deliveries++;
}

int main(void)
{
    static uint32_t *boot;
    prepare(0, network_thread);
    prepare(1, blink_thread);
    switch_stacks(&boot, stopped[0]);
    return 0;
}
