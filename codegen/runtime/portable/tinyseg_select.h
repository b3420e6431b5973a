/* SPDX-License-Identifier: Apache-2.0 */
/* Places along an axis in any order. */
#ifndef TINYSEG_SELECT_H
#define TINYSEG_SELECT_H

#include "tinyseg_platform.h"

typedef struct {
    const int32_t *indices; /* `count` of them, in runs */
    uint32_t count;
    uint32_t run_bytes;   /* of a place along the axis */
    uint32_t block_bytes; /* of all places in the operand */
    uint32_t blocks;
} tinyseg_select;

/* From each block of the operand the runs at the indices, one behind the other. */
void tinyseg_select_runs(const tinyseg_select *p, const uint8_t *from, uint8_t *to);

#endif
