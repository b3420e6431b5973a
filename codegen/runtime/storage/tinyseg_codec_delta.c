/* SPDX-License-Identifier: Apache-2.0 */
/* The codec "delta": four bytes are handled at a time, as lanes of a word. */
#include "tinyseg_codec_delta.h"

#define LANES 0x01010101u
#define HIGH_BITS 0x80808080u
#define BLOCK 8u
#define WORD 4u

/* now - before in each lane, folded. */
static uint32_t folded(uint32_t now, uint32_t before)
{
    const uint32_t difference = ((now | HIGH_BITS) - (before & ~HIGH_BITS)) ^ ((now ^ ~before) & HIGH_BITS);
    const uint32_t negative = ((difference >> 7) & LANES) * 0xFFu;
    return ((difference & ~HIGH_BITS) << 1) ^ negative;
}

static uint32_t unfolded(uint32_t value, uint32_t before)
{
    const uint32_t difference = ((value >> 1) & ~HIGH_BITS) ^ ((value & LANES) * 0xFFu);
    return ((difference & ~HIGH_BITS) + (before & ~HIGH_BITS)) ^ ((difference ^ before) & HIGH_BITS);
}

/* The low `width` bits of each lane next to each other, and back. */
static uint32_t packed(uint32_t lanes, uint32_t width)
{
    const uint32_t pairs = (lanes & 0x00FF00FFu) | ((lanes & 0xFF00FF00u) >> (8u - width));
    return (pairs & 0xFFFFu) | ((pairs >> 16) << (2u * width));
}

static uint32_t unpacked(uint32_t bits, uint32_t width)
{
    const uint32_t lane = ((1u << width) - 1u) * 0x00010001u;
    const uint32_t pairs = (bits & ((1u << (2u * width)) - 1u)) | ((bits >> (2u * width)) << 16);
    return (pairs & lane) | (((pairs >> width) & lane) << 8);
}

static uint32_t predicted(const uint8_t *line, uint32_t at, uint32_t pitch)
{
    return at >= pitch ? line[at - pitch] : at > 0u ? line[at - 1u] : 0u;
}

/* The folded differences of four bytes, one by one: at the begin and the end of a line. */
static uint32_t folded_slowly(const uint8_t *line, uint32_t at, uint32_t bytes, uint32_t pitch)
{
    uint32_t now = 0, before = 0;
    for (uint32_t lane = 0; lane < WORD && at + lane < bytes; ++lane) {
        now |= (uint32_t)line[at + lane] << (8u * lane);
        before |= predicted(line, at + lane, pitch) << (8u * lane);
    }
    return folded(now, before);
}

static void unfold_slowly(uint8_t *line, uint32_t at, uint32_t bytes, uint32_t pitch, uint32_t value)
{
    for (uint32_t lane = 0; lane < WORD && at + lane < bytes; ++lane, value >>= 8) {
        const uint32_t difference = ((value & 0xFFu) >> 1) ^ (0u - (value & 1u));
        line[at + lane] = (uint8_t)(predicted(line, at + lane, pitch) + difference);
    }
}

static uint32_t width_of(uint32_t lanes)
{
    lanes |= lanes >> 16;
    lanes |= lanes >> 8;
    lanes &= 0xFFu;
#if defined(__GNUC__)
    return lanes == 0u ? 0u : 32u - (uint32_t)__builtin_clz(lanes);
#else
    uint32_t width = 0;
    for (; lanes != 0u; lanes >>= 1) {
        ++width;
    }
    return width;
#endif
}

static uint32_t encode(const uint8_t *line, uint32_t bytes, uint32_t pitch, uint8_t *out)
{
    uint32_t length = 0, header = 0;
    for (uint32_t at = 0; at < bytes; at += BLOCK) {
        uint32_t low, high;
        if (at >= pitch && at + BLOCK <= bytes) {
            low = folded(tinyseg_load32(line + at), tinyseg_load32(line + at - pitch));
            high = folded(tinyseg_load32(line + at + WORD), tinyseg_load32(line + at + WORD - pitch));
        } else {
            low = folded_slowly(line, at, bytes, pitch);
            high = folded_slowly(line, at + WORD, bytes, pitch);
        }
        const uint32_t width = width_of(low | high);
        if ((at & BLOCK) == 0u) {
            header = length++;
            out[header] = (uint8_t)width;
        } else {
            out[header] = (uint8_t)(out[header] | (width << 4));
        }
        if (length + width >= bytes) {
            return 0;
        }
        if (width == 0u) {
            continue;
        }
        uint64_t bits = packed(low, width) | (uint64_t)packed(high, width) << (WORD * width);
        if (length + BLOCK < bytes) {
            tinyseg_store32(out + length, (uint32_t)bits);
            if (width > WORD) {
                tinyseg_store32(out + length + WORD, (uint32_t)(bits >> 32));
            }
            length += width;
        } else {
            for (uint32_t i = 0; i < width; ++i, bits >>= 8) {
                out[length++] = (uint8_t)bits;
            }
        }
    }
    return length;
}

static const uint8_t *decode(const uint8_t *in, const uint8_t *end, uint8_t *line, uint32_t bytes, uint32_t pitch)
{
    uint32_t widths = 0;
    for (uint32_t at = 0; at < bytes; at += BLOCK, widths >>= 4) {
        if ((at & BLOCK) == 0u) {
            if (in == end) {
                return NULL;
            }
            widths = *in++;
        }
        const uint32_t width = widths & 15u;
        if (width > 8u || (size_t)(end - in) < width) {
            return NULL;
        }
        uint32_t low = 0, high = 0;
        if (width != 0u) {
            uint64_t bits;
            if (end - in >= (ptrdiff_t)BLOCK) {
                bits = tinyseg_load32(in) | (uint64_t)tinyseg_load32(in + WORD) << 32;
            } else {
                bits = 0;
                for (uint32_t i = 0; i < width; ++i) {
                    bits |= (uint64_t)in[i] << (8u * i);
                }
            }
            in += width;
            const uint32_t mask = 0xFFFFFFFFu >> (32u - WORD * width);
            low = unpacked((uint32_t)bits & mask, width);
            high = unpacked((uint32_t)(bits >> (WORD * width)) & mask, width);
        }
        if (at >= pitch && pitch >= WORD && at + BLOCK <= bytes) {
            low = unfolded(low, tinyseg_load32(line + at - pitch));
            tinyseg_store32(line + at, low);
            high = unfolded(high, tinyseg_load32(line + at + WORD - pitch));
            tinyseg_store32(line + at + WORD, high);
        } else {
            unfold_slowly(line, at, bytes, pitch, low);
            unfold_slowly(line, at + WORD, bytes, pitch, high);
        }
    }
    return in;
}

const tinyseg_codec tinyseg_codec_delta = {encode, decode};
