/* SPDX-License-Identifier: Apache-2.0 */
/* A processor that sleeps while the network waits for its storage.
 *
 * The library is compiled with -DTINYSEG_IDLE=processor_sleeps: whenever a record is not there yet it calls that function,
 * and looks again when it returns. Transfers end by an interrupt, which wakes the processor up. */
#include "sleep.h"

#include "net.h"
#include "port.h"

void processor_sleeps(void);

static uint8_t arena[NET_ARENA_SIZE] PORT_ARENA(NET_ARENA_ALIGN);
static net_context network;
static volatile uint32_t slept;

/* wfe, not wfi: an interrupt between the library's look and this instruction has set the event register, and wfe returns
 * at once. On a board it is here that a deeper sleep is chosen, one that the medium's interrupt ends. */
void processor_sleeps(void)
{
    slept = slept + 1u;
    __asm__ volatile("wfe");
}

static tinyseg_storage_status begin_read(void *user, uint32_t offset, void *data, uint32_t bytes)
{
    (void)user;
    medium_begin(false, offset, data, bytes);
    return TINYSEG_STORAGE_BUSY;
}

static tinyseg_storage_status begin_write(void *user, uint32_t offset, const void *data, uint32_t bytes)
{
    (void)user;
    medium_begin(true, offset, (uint8_t *)(uintptr_t)data, bytes);
    return TINYSEG_STORAGE_BUSY;
}

static void cancel(void *user)
{
    (void)user;
    medium_stop();
}

static tinyseg_storage storage = {
    .block_bytes = NET_STORAGE0_BLOCK,
    .capacity = NET_STORAGE0_BYTES,
    .patience = 1u << 20, /* wake-ups, where the processor sleeps */
    .read = begin_read,
    .write = begin_write,
    .cancel = cancel,
};

void medium_done(bool well)
{
    tinyseg_storage_finish(&storage, well ? TINYSEG_STORAGE_OK : TINYSEG_STORAGE_ERROR_READ);
}

int main(void)
{
    static const net_io io = {.storage = {&storage}};
    net_status status = net_init(&network, arena, sizeof arena, &io);
    while (status == NET_OK && next_image(arena + NET_INPUT0_OFFSET, NET_INPUT0_BYTES)) {
        status = net_run(&network);
        if (status == NET_OK && !use_mask(arena + NET_OUTPUT0_OFFSET, NET_OUTPUT0_BYTES)) {
            status = NET_ERROR_OUTPUT;
        }
    }
#ifdef TINYSEG_IDLE
    if (slept == 0) {
        port_exit(PORT_EXIT_FILE); /* this medium is slow enough to be waited for */
    }
#endif
    port_exit((int)status);
}
