/* SPDX-License-Identifier: Apache-2.0 */
/* A network on the lines of a camera: DMA fills one buffer while the network works on the line in the other.
 *
 * The network asks for lines when it needs them (--io line), so that RAM has two lines of the picture beside the arena,
 * never a frame. Where both buffers are full a camera that can wait (a FIFO that is read by SPI) is asked again when one is
 * free; of one that cannot, the frame is lost and NET_ERROR_INPUT says so. */
#include "camera.h"

#include <string.h>

#include "net.h"
#include "port.h"

#ifndef CAMERA_WAITS
#define CAMERA_WAITS 1
#endif

static uint8_t arena[NET_ARENA_SIZE] PORT_ARENA(NET_ARENA_ALIGN);
static net_context network;
static uint8_t buffers[2][NET_INPUT0_LINE_BYTES];
static volatile uint32_t filled; /* lines of this frame that the DMA has written; its interrupt's */
static volatile uint32_t taken;  /* lines that the network has taken */
static volatile bool full;       /* the DMA stands, for no buffer was free */

void camera_line_done(void)
{
    const uint32_t next = filled + 1u;
    filled = next;
    if (next == NET_INPUT0_LINES) {
        return; /* of the frame */
    }
    if (next - taken == 2u) {
        full = true;
    } else {
        camera_receive(buffers[next & 1u], NET_INPUT0_LINE_BYTES);
    }
}

static int read_line(void *user, uint32_t input, uint32_t line, void *data, size_t bytes)
{
    (void)user;
    (void)input;
    while (filled == line) {
        camera_wait();
    }
    if (full && !CAMERA_WAITS) {
        return 1;
    }
    memcpy(data, buffers[line & 1u], bytes);
    taken = line + 1u;
    if (full) { /* set before `taken` was: nobody else changes it now */
        full = false;
        camera_receive(buffers[filled & 1u], NET_INPUT0_LINE_BYTES);
    }
    return 0;
}

static int write_line(void *user, uint32_t output, uint32_t line, const void *data, size_t bytes)
{
    (void)user;
    (void)output;
    return use_line(line, data, bytes) ? 0 : 1;
}

static net_status run_frame(void)
{
    filled = 0;
    taken = 0;
    full = false;
    camera_receive(buffers[0], NET_INPUT0_LINE_BYTES);
    return net_run(&network);
}

int main(void)
{
    static const net_io io = {.read_line = read_line, .write_line = write_line};
    net_status status = net_init(&network, arena, sizeof arena, &io);
    while (status == NET_OK && camera_begins_frame()) {
        status = run_frame();
    }
    port_exit((int)status);
}
