/* SPDX-License-Identifier: Apache-2.0 */
/* Index of the largest of each group of consecutive values. */
#include "tinyseg_argmax.h"

static uint8_t *store(const tinyseg_argmax *p, uint32_t index, uint8_t *out)
{
    for (uint32_t byte = 0; byte < p->index_bytes; ++byte) {
        *out++ = (uint8_t)(byte < 4u ? index >> (8u * byte) : 0u);
    }
    return out;
}

#define TINYSEG_ARGMAX(name, type) \
    void name(const tinyseg_argmax *p, const type *in, uint8_t *out) \
    { \
        for (uint32_t group = 0; group < p->groups; ++group, in += p->elements) { \
            uint32_t index = 0; \
            for (uint32_t i = 1; i < p->elements; ++i) { \
                if (in[i] > in[index] || (p->last != 0u && in[i] == in[index])) { \
                    index = i; \
                } \
            } \
            out = store(p, index, out); \
        } \
    }

TINYSEG_ARGMAX(tinyseg_argmax_line_int8, int8_t)
TINYSEG_ARGMAX(tinyseg_argmax_line_uint8, uint8_t)
TINYSEG_ARGMAX(tinyseg_argmax_line_int32, int32_t)
TINYSEG_ARGMAX(tinyseg_argmax_line_float32, float)
