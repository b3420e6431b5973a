/* SPDX-License-Identifier: Apache-2.0 */
/* Value of a minimum cut, by Dinic's algorithm (Dinitz, "Algorithm for solution of a problem of maximum flow in networks
 * with power estimation", Soviet Math. Doklady 11, 1970); the same as min_cut in ../order_bound.py.
 *
 * Arc n goes from head[n ^ 1] to head[n]; arcs n and n ^ 1 are each other's reverse. Those that leave node i are
 * leaving[first[i]] to leaving[first[i + 1]]. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum side { FREE = 0, SOURCE = 1, SINK = 2 };

typedef struct {
    int32_t nodes;
    const int32_t *first;
    const int32_t *leaving;
    const int32_t *head;
    int64_t *room; /* of each arc, what may still flow */
    const uint8_t *side;
    int32_t *depth;
    int32_t *next; /* of each node, the arc to try next */
    int32_t *queue;
    int32_t *path;
} flow_network_t;

/* Distances from the sources along arcs with room; whether a sink is reached. */
static bool layer(flow_network_t *network)
{
    int32_t count = 0;
    bool reached = false;
    for (int32_t node = 0; node < network->nodes; node++) {
        network->depth[node] = network->side[node] == SOURCE ? 0 : -1;
        network->next[node] = network->first[node];
        if (network->side[node] == SOURCE) {
            network->queue[count++] = node;
        }
    }
    for (int32_t n = 0; n < count; n++) {
        const int32_t node = network->queue[n];
        if (network->side[node] == SINK) {
            reached = true;
            continue;
        }
        for (int32_t m = network->first[node]; m < network->first[node + 1]; m++) {
            const int32_t arc = network->leaving[m];
            const int32_t to = network->head[arc];
            if (network->room[arc] > 0 && network->depth[to] < 0) {
                network->depth[to] = network->depth[node] + 1;
                network->queue[count++] = to;
            }
        }
    }
    return reached;
}

/* Sends what it can along one path of the layers from a source; 0 where there is none left. */
static int64_t send(flow_network_t *network, int32_t source)
{
    int32_t length = 0;
    int32_t node = source;
    while (network->side[node] != SINK) {
        bool found = false;
        for (; network->next[node] < network->first[node + 1]; network->next[node]++) {
            const int32_t arc = network->leaving[network->next[node]];
            const int32_t to = network->head[arc];
            if (network->room[arc] > 0 && network->depth[to] == network->depth[node] + 1) {
                network->path[length++] = arc;
                node = to;
                found = true;
                break;
            }
        }
        if (!found) {
            if (length == 0) {
                return 0;
            }
            node = network->head[network->path[--length] ^ 1];
            network->next[node]++;
        }
    }
    int64_t amount = network->room[network->path[0]];
    for (int32_t n = 1; n < length; n++) {
        amount = network->room[network->path[n]] < amount ? network->room[network->path[n]] : amount;
    }
    for (int32_t n = 0; n < length; n++) {
        network->room[network->path[n]] -= amount;
        network->room[network->path[n] ^ 1] += amount;
    }
    return amount;
}

/* The capacity of the cheapest cut between the nodes marked SOURCE and SINK; -1 where memory ran out. A cut of ``enough``
 * or more is not worked out. */
int64_t tinyseg_min_cut(int32_t nodes, int32_t arcs, const int32_t *first, const int32_t *leaving, const int32_t *head,
                        const int64_t *capacity, const uint8_t *side, int64_t enough)
{
    flow_network_t network = {.nodes = nodes, .first = first, .leaving = leaving, .head = head, .side = side};
    int32_t *memory = malloc((4 * (size_t)nodes + 4) * sizeof *memory);
    network.room = malloc(((size_t)arcs + 1) * sizeof *network.room);
    int64_t total = -1;
    if (memory != NULL && network.room != NULL) {
        network.depth = memory;
        network.next = memory + nodes;
        network.queue = memory + 2 * (size_t)nodes;
        network.path = memory + 3 * (size_t)nodes;
        memcpy(network.room, capacity, (size_t)arcs * sizeof *capacity);
        total = 0;
        while (total < enough && layer(&network)) {
            for (int32_t node = 0; node < nodes && total < enough; node++) {
                if (side[node] == SOURCE) {
                    for (int64_t sent = 1; sent > 0;) {
                        sent = send(&network, node);
                        total += sent;
                    }
                }
            }
        }
    }
    free(memory);
    free(network.room);
    return total < enough ? total : enough;
}
