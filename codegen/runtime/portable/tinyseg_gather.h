/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a table by index. */
#ifndef TINYSEG_GATHER_H
#define TINYSEG_GATHER_H

#include "tinyseg_platform.h"

typedef struct {
    const void *table; /* `rows` rows of `row_bytes` bytes */
    uint32_t rows;
    uint32_t row_bytes;
} tinyseg_gather;

/* `count` rows. An index below 0 counts from the end; one outside of the table is moved to its ends. Indices of eight
 * bytes may lie at any address. */
void tinyseg_gather_int32(const tinyseg_gather *p, const int32_t *indices, uint8_t *out, uint32_t count);
void tinyseg_gather_int64(const tinyseg_gather *p, const uint8_t *indices, uint8_t *out, uint32_t count);

#endif
