/* SPDX-License-Identifier: Apache-2.0 */
/* Moving elements: what pad, slice, concat, transpose and depth-to-space do with lines. */
#ifndef TINYSEG_COPY_H
#define TINYSEG_COPY_H

#include "tinyseg_platform.h"

#define TINYSEG_COPY_RANK 6

/* Copies bytes, or does nothing where the result is in place already. */
TINYSEG_INLINE void tinyseg_move(uint8_t *to, const uint8_t *from, size_t bytes)
{
    if (to != from) {
        memcpy(to, from, bytes);
    }
}

/* `counts[0]` times `counts[1]` times ... runs of `run_bytes`; unused dimensions have the count 1. */
typedef struct {
    int32_t from_step[TINYSEG_COPY_RANK]; /* bytes */
    int32_t to_step[TINYSEG_COPY_RANK];
    uint32_t counts[TINYSEG_COPY_RANK];
    uint32_t run_bytes;
} tinyseg_copy;

void tinyseg_copy_runs(const tinyseg_copy *p, const uint8_t *from, uint8_t *to);

/* `count` times the `bytes` bytes of `value`. */
void tinyseg_fill(uint8_t *to, const uint8_t *value, uint32_t bytes, uint32_t count);

#endif
