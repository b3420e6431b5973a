/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a table by index. */
#include "tinyseg_gather.h"

static void copy_row(const tinyseg_gather *p, int64_t index, uint8_t *out)
{
    const int64_t rows = (int64_t)p->rows;
    index += index < 0 ? rows : 0;
    index = index < 0 ? 0 : index;
    index = index < rows ? index : rows - 1;
    memcpy(out, (const uint8_t *)p->table + (size_t)index * p->row_bytes, p->row_bytes);
}

void tinyseg_gather_int32(const tinyseg_gather *p, const int32_t *indices, uint8_t *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i, out += p->row_bytes) {
        copy_row(p, indices[i], out);
    }
}

void tinyseg_gather_int64(const tinyseg_gather *p, const uint8_t *indices, uint8_t *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i, out += p->row_bytes) {
        int64_t index;
        memcpy(&index, indices + 8u * i, sizeof index);
        copy_row(p, index, out);
    }
}
