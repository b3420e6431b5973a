/* SPDX-License-Identifier: Apache-2.0 */
/* Columns for depthwise convolutions on cores with the vector extension. */
#include "tinyseg_planes_mve.h"

#if TINYSEG_MVE
/* q4 to q7: where the words of channels 0 4 8 12, 1 5 9 13, 2 6 10 14 and 3 7 11 15 were written last. */
#define LOAD(q, row) "vldrb.8 " #q ", [%[" #row "]]\n\t"
#define LOAD_PART(q, row) "vpst\n\tvldrbt.8 " #q ", [%[" #row "]]\n\t"
#define STORE(q, at) "vstrw.32 " #q ", [" #at ", #4]!\n\t"
#define STORE_PART(q, at) "vpst\n\tvstrwt.32 " #q ", [" #at ", #4]!\n\t"
#define LOAD_ON(q, row) "vldrb.8 " #q ", [%[" #row "]], #16\n\t"
#define ON(row) ""
#define NEXT(row) "add %[" #row "], %[" #row "], %[" #row "_step]\n\t"

#define ROWS_1(load, store, next) \
    load(q0, a) next(a) \
    store(q0, q4) \
    "vshr.u32 q1, q0, #8\n\t" store(q1, q5) \
    "vshr.u32 q2, q0, #16\n\t" store(q2, q6) \
    "vshr.u32 q3, q0, #24\n\t" store(q3, q7)
#define ROWS_2(load, store, next) \
    load(q0, a) load(q1, b) next(a) next(b) \
    "vmov q3, q0\n\t" \
    "vmovnt.i16 q3, q1\n\t" store(q3, q4) \
    "vshr.u32 q2, q3, #16\n\t" store(q2, q6) \
    "vshrnb.i16 q1, q0, #8\n\t" store(q1, q5) \
    "vshr.u32 q2, q1, #16\n\t" store(q2, q7)
/* q3: pairs of the even channels' values in rows a and b, q1: of the odd ones'. */
#define ROWS_3(load, store, next) \
    load(q0, a) load(q1, b) load(q2, c) next(a) next(b) next(c) \
    "vmov q3, q0\n\t" \
    "vmovnt.i16 q3, q1\n\t" \
    "vshrnb.i16 q1, q0, #8\n\t" \
    "vmov q0, q3\n\t" \
    "vmovnt.i32 q0, q2\n\t" store(q0, q4) \
    "vmov q0, q2\n\t" \
    "vshrnb.i32 q0, q3, #16\n\t" store(q0, q6) \
    "vshr.u16 q2, q2, #8\n\t" \
    "vmov q0, q1\n\t" \
    "vmovnt.i32 q0, q2\n\t" store(q0, q5) \
    "vshrnb.i32 q2, q1, #16\n\t" store(q2, q7)
/* q0: pairs of the even channels' values in rows a and b, q1: of the odd ones'; q2: of the even ones' in c and d. Those
 * rows are loaded twice for want of a register. */
#define ROWS_4(load, store, next) \
    load(q0, a) load(q1, b) load(q2, a) \
    "vmovnt.i16 q0, q1\n\t" \
    "vshrnb.i16 q1, q2, #8\n\t" load(q2, c) load(q3, d) \
    "vmovnt.i16 q2, q3\n\t" \
    "vmov q3, q0\n\t" \
    "vmovnt.i32 q3, q2\n\t" store(q3, q4) \
    "vshrnb.i32 q2, q0, #16\n\t" store(q2, q6) \
    load(q0, c) load(q3, d) next(a) next(b) next(c) next(d) \
    "vshrnb.i16 q3, q0, #8\n\t" \
    "vmov q0, q1\n\t" \
    "vmovnt.i32 q0, q3\n\t" store(q0, q5) \
    "vshrnb.i32 q3, q1, #16\n\t" store(q3, q7)
#define COLUMNS(body, load, store, next) \
    __asm__ volatile("vmsr p0, %[lanes]\n\t" \
                     "wls lr, %[columns], 2f\n" \
                     "1:\n\t" body(load, store, next) \
                     "le lr, 1b\n" \
                     "2:" \
                     : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), "+w"(to_0), "+w"(to_1), "+w"(to_2), \
                       "+w"(to_3) \
                     : [a_step] "r"(rows[0].step), [b_step] "r"(rows[1].step), [c_step] "r"(rows[2].step), \
                       [d_step] "r"(rows[3].step), [columns] "r"(columns), [lanes] "r"(lanes) \
                     : "lr", "q0", "q1", "q2", "q3", "p0", "cc", "memory")
#define COLUMNS_OF(body) \
    if (lanes == 0xFFFF) { \
        COLUMNS(body, LOAD, STORE, NEXT); \
    } else { \
        COLUMNS(body, LOAD_PART, STORE_PART, NEXT); \
    }

/* Of maps of 8 and 4 channels, a vector has two and four neighbouring columns. Of 3 channels, four columns are gathered. */
#define LOAD_THREE(q, row) \
    "vldrb.8 q3, [%[d]]\n\t" \
    "vldrb.u8 " #q ", [%[" #row "], q3]\n\t" \
    "add %[" #row "], %[" #row "], #12\n\t"
#define STORE_TWO(q, at) "vstrw.32 " #q ", [" #at ", #8]!\n\t"
#define STORE_FOUR(q, at) "vstrw.32 " #q ", [" #at ", #16]!\n\t"

/* The same word for all channels. */
#define FILL(n) \
    __asm__ volatile("vmsr p0, %[lanes]\n\t" \
                     "vdup.32 q0, %[word]\n\t" \
                     "wls lr, %[columns], 2f\n" \
                     "1:\n\t" STORE_PART(q0, q4) STORE_PART(q0, q5) STORE_PART(q0, q6) STORE_PART(q0, q7) \
                     "le lr, 1b\n" \
                     "2:" \
                     : "+w"(to_0), "+w"(to_1), "+w"(to_2), "+w"(to_3) \
                     : [columns] "r"(n), [lanes] "r"(lanes), [word] "r"(word) \
                     : "lr", "q0", "p0", "cc", "memory")

/* Up to four rows, of planes `step` bytes apart from channel to channel. */
TINYSEG_INNER void stage_plane(
    int8_t *to, const tinyseg_row *rows, int32_t count, int32_t lanes, int32_t step, const int32_t *widths, int32_t word)
{
    const int32_t columns = widths[1];
    const int8_t *a = rows[0].at;
    const int8_t *b = rows[1].at;
    const int8_t *c = rows[2].at;
    const int8_t *d = rows[3].at;
    const uint32x4_t places = vaddq_n_u32(vmulq_n_u32(vidupq_n_u32(0, 4), (uint32_t)step), (uint32_t)to - 4u);
    register uint32x4_t to_0 __asm__("q4") = places;
    register uint32x4_t to_1 __asm__("q5") = vaddq_n_u32(places, (uint32_t)step);
    register uint32x4_t to_2 __asm__("q6") = vaddq_n_u32(places, 2u * (uint32_t)step);
    register uint32x4_t to_3 __asm__("q7") = vaddq_n_u32(places, 3u * (uint32_t)step);
    if (widths[0] > 0) {
        FILL(widths[0]);
    }
    if (count == 3) {
        COLUMNS_OF(ROWS_3)
    } else if (count == 1) {
        COLUMNS_OF(ROWS_1)
    } else if (count == 2) {
        COLUMNS_OF(ROWS_2)
    } else {
        COLUMNS_OF(ROWS_4)
    }
    if (widths[2] > 0) {
        FILL(widths[2]);
    }
}

/* Vectors of whole columns of three rows of a map of 3, 4, 8 or 16 channels. */
TINYSEG_INNER void stage_together(int8_t *to, const tinyseg_row *rows, int32_t columns, int32_t channels, int32_t step)
{
    static const uint8_t three[16] = {0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11};
    const int8_t *a = rows[0].at;
    const int8_t *b = rows[1].at;
    const int8_t *c = rows[2].at;
    const int8_t *d = (const int8_t *)three;
    const int32_t lanes = 0xFFFF;
    const uint32_t fours = ((uint32_t)channels + 3u) / 4u; /* of channels in a column */
    const uint32x4_t lane = vidupq_n_u32(0, 1);
    const uint32x4_t four = vandq_u32(lane, vdupq_n_u32(fours - 1u));
    const uint32x4_t column = vshlq_u32(lane, vdupq_n_s32(fours == 1u ? 0 : fours == 2u ? -1 : -2));
    const uint32x4_t first = vaddq_n_u32(vmulq_n_u32(column, 4u), (uint32_t)to - 16u / fours);
    const uint32x4_t places = vaddq_u32(vmulq_n_u32(four, 4u * (uint32_t)step), first);
    register uint32x4_t to_0 __asm__("q4") = places;
    register uint32x4_t to_1 __asm__("q5") = vaddq_n_u32(places, (uint32_t)step);
    register uint32x4_t to_2 __asm__("q6") = vaddq_n_u32(places, 2u * (uint32_t)step);
    register uint32x4_t to_3 __asm__("q7") = vaddq_n_u32(places, 3u * (uint32_t)step);
    columns = columns * (int32_t)fours / 4;
    if (channels == 16) {
        COLUMNS(ROWS_3, LOAD_ON, STORE, ON);
    } else if (channels == 8) {
        COLUMNS(ROWS_3, LOAD_ON, STORE_TWO, ON);
    } else if (channels == 4) {
        COLUMNS(ROWS_3, LOAD_ON, STORE_FOUR, ON);
    } else {
        COLUMNS(ROWS_3, LOAD_THREE, STORE_FOUR, ON);
    }
}

/* The same word in neighbouring columns of all channels, four at a time. */
TINYSEG_INLINE void fill_columns(int8_t *to, int32_t columns, int32_t channels, int32_t step, int32_t word)
{
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)step);
    const int32x4_t words = vdupq_n_s32(word);
    for (; columns > 0; --columns, to += 4) {
        int8_t *at = to;
        for (int32_t left = channels; left > 0; left -= 4, at += 4 * step) {
            vstrwq_scatter_offset_s32((int32_t *)(void *)at, places, words);
        }
    }
}

/* Whether vectors of three rows are whole columns. */
static int are_together(const tinyseg_row *rows, int32_t count, int32_t channels, int32_t columns)
{
    const int whole = channels == 16 || channels == 8 || channels == 4 || channels == 3;
    return count == 3 && whole && columns >= 8 && rows[0].step == channels && rows[1].step == channels &&
           rows[2].step == channels;
}
#endif

void tinyseg_stage_planes(
    int8_t *to,
    const tinyseg_row *rows,
    int32_t count,
    int32_t channels,
    int32_t before,
    int32_t columns,
    int32_t after,
    int32_t zero_point)
{
    const int32_t distance = 4 * (before + columns + after);
    const int32_t step = (count + 3) / 4 * distance;
#if TINYSEG_MVE
    static const tinyseg_row none = {NULL, 0};
    const int32_t lanes = (1 << channels) - 1;
    const int32_t word = (int32_t)((uint32_t)(zero_point & 0xFF) * 0x01010101u);
    if (are_together(rows, count, channels, columns)) {
        const int32_t whole = columns - columns % (channels == 3 ? 4 : 16 / channels);
        int8_t *const end = to + 4 * (before + whole);
        fill_columns(to, before, channels, step, word);
        stage_together(to + 4 * before, rows, whole, channels, step);
        if (whole < columns) {
            const int32_t rest[3] = {0, columns - whole, 0};
            const tinyseg_row beyond[4] = {
                {rows[0].at + whole * channels, channels},
                {rows[1].at + whole * channels, channels},
                {rows[2].at + whole * channels, channels},
                none};
            stage_plane(end, beyond, 3, lanes, step, rest, word);
        }
        fill_columns(end + 4 * (columns - whole), after, channels, step, word);
        return;
    }
    const int32_t widths[3] = {before, columns, after};
    for (int32_t row = 0; row < count; row += 4, to += distance) {
        tinyseg_row four[4];
        for (int32_t i = 0; i < 4; ++i) {
            four[i] = columns > 0 && row + i < count ? rows[row + i] : none;
        }
        stage_plane(to, four, count - row, lanes, step, widths, word);
    }
#else
    for (int32_t k = 0; k < channels; ++k) {
        for (int32_t row = 0; row < count; ++row) {
            int8_t *const plane = to + k * step + row / 4 * distance + row % 4;
            for (int32_t x = 0; x < before + columns + after; ++x) {
                const int inside = x >= before && x < before + columns;
                plane[4 * x] = inside ? rows[row].at[(x - before) * rows[row].step + k] : (int8_t)zero_point;
            }
        }
    }
#endif
}
