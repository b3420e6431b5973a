/* SPDX-License-Identifier: Apache-2.0 */
/* The codec "mask". */
#include "tinyseg_codec_mask.h"

#define BLOCK 8u

static uint32_t encode(const uint8_t *line, uint32_t bytes, uint32_t pitch, uint8_t *out)
{
    int32_t least = INT8_MAX;
    uint32_t length = 0;
    (void)pitch;
    for (uint32_t at = 0; at < bytes; ++at) {
        const int32_t value = (int8_t)line[at];
        least = value < least ? value : least;
    }
    out[length++] = (uint8_t)least;
    for (uint32_t at = 0; at < bytes; at += BLOCK) {
        const uint32_t count = bytes - at < BLOCK ? bytes - at : BLOCK;
        uint32_t mask = 0;
        const uint32_t place = length++;
        if (length + count >= bytes) { /* even if all of them differ the code must be shorter than the line */
            return 0;
        }
        for (uint32_t i = 0; i < count; ++i) {
            const uint32_t value = line[at + i];
            if (value != (uint8_t)least) {
                out[length++] = (uint8_t)value;
                mask |= 1u << i;
            }
        }
        out[place] = (uint8_t)mask;
    }
    return length;
}

static const uint8_t *decode(const uint8_t *in, const uint8_t *end, uint8_t *line, uint32_t bytes, uint32_t pitch)
{
    (void)pitch;
    if (in == end) {
        return NULL;
    }
    const uint8_t least = *in++;
    for (uint32_t at = 0; at < bytes; at += BLOCK) {
        const uint32_t count = bytes - at < BLOCK ? bytes - at : BLOCK;
        if (in == end) {
            return NULL;
        }
        uint32_t mask = *in++;
        for (uint32_t i = 0; i < count; ++i, mask >>= 1) {
            uint8_t value = least;
            if ((mask & 1u) != 0u) {
                if (in == end) {
                    return NULL;
                }
                value = *in++;
            }
            line[at + i] = value;
        }
    }
    return in;
}

const tinyseg_codec tinyseg_codec_mask = {encode, decode};
