/* SPDX-License-Identifier: Apache-2.0 */
/* A network as a thread: a few steps of the inference at a time, between which other threads run.
 *
 * The context belongs to this thread. Its stack is what `most_stack` of `tinyseg run --json` says of `run`, what the
 * functions here take, and the system's own frame. */
#include "os.h"

#include "net.h"
#include "port.h"

#define STEPS_AT_ONCE 8u /* of NET_STEPS, each about a line of an operator */

static uint8_t arena[NET_ARENA_SIZE] PORT_ARENA(NET_ARENA_ALIGN);
static net_context network;
static net_progress progress;
static uint8_t image[NET_INPUT0_BYTES], mask[NET_OUTPUT0_BYTES];

void network_thread(void)
{
    net_status status = net_init(&network, arena, sizeof arena, NULL);
    while (os_wait_for_image(image, sizeof image)) {
        if (status == NET_OK) {
            status = net_write_image(&network, 0, image, sizeof image);
        }
        if (status == NET_OK) {
            status = net_begin(&network, &progress);
        }
        if (status == NET_OK) {
            do {
                status = net_step(&network, &progress, STEPS_AT_ONCE);
                os_yield();
            } while (status == NET_PENDING);
        }
        if (status == NET_OK) {
            status = net_read_image(&network, 0, mask, sizeof mask);
        }
        os_deliver((int)status, mask, sizeof mask);
    }
}
