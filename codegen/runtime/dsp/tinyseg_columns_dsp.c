/* SPDX-License-Identifier: Apache-2.0 */
/* Columns for depthwise convolutions on cores with the DSP extension. */
#include "tinyseg_columns_dsp.h"

/* Low halves of two words; high halves of two words. */
TINYSEG_INLINE uint32_t lower(uint32_t x, uint32_t y)
{
#if TINYSEG_DSP
    uint32_t result;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(result) : "r"(x), "r"(y));
    return result;
#else
    return (x & 0xFFFFu) | (y << 16);
#endif
}

TINYSEG_INLINE uint32_t upper(uint32_t x, uint32_t y)
{
#if TINYSEG_DSP
    uint32_t result;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(result) : "r"(y), "r"(x));
    return result;
#else
    return (y & 0xFFFF0000u) | (x >> 16);
#endif
}

/* Words of two sides, and from a channel's words to those of the second channel after it. */
typedef struct {
    int32_t side;
    int32_t second;
} layout;

/* The values of four channels in two rows. */
TINYSEG_INLINE void put_two_rows(uint32_t *to, layout l, uint32_t x, uint32_t y)
{
    const uint32_t x_even = tinyseg_widen_even(x);
    const uint32_t y_even = tinyseg_widen_even(y);
    const uint32_t x_odd = tinyseg_widen_odd(x);
    const uint32_t y_odd = tinyseg_widen_odd(y);
    to[0] = lower(x_even, y_even);
    to[l.second] = upper(x_even, y_even);
    to[l.side] = lower(x_odd, y_odd);
    to[l.side + l.second] = upper(x_odd, y_odd);
}

/* `columns` columns of two rows, of words shifted by `shift` bits (channels before those wanted). */
TINYSEG_INNER void widen_two_rows(
    uint32_t *to, layout l, const tinyseg_row *rows, int32_t columns, int32_t lead, int32_t shift)
{
    const int8_t *x = rows[0].at - lead;
    const int8_t *y = rows[1].at - lead;
    const int32_t x_step = rows[0].step;
    const int32_t y_step = rows[1].step;
    uint32_t *const end = to + columns * 2 * l.side;
    for (; to != end; to += 2 * l.side, x += x_step, y += y_step) {
        put_two_rows(to, l, tinyseg_load_4(x) >> shift, tinyseg_load_4(y) >> shift);
    }
}

TINYSEG_INNER void widen_single_row(
    uint32_t *to, int32_t side, const tinyseg_row *row, int32_t columns, int32_t lead, int32_t shift)
{
    const int8_t *x = row->at - lead;
    const int32_t step = row->step;
    uint32_t *const end = to + columns * 2 * side;
    for (; to != end; to += 2 * side, x += step) {
        const uint32_t word = tinyseg_load_4(x) >> shift;
        to[0] = tinyseg_widen_even(word);
        to[side] = tinyseg_widen_odd(word);
    }
}

/* The one to three channels of a map, from a byte each. */
TINYSEG_INLINE uint32_t load_narrow(const int8_t *from, int32_t channels)
{
    uint32_t word = 0;
    for (int32_t k = 0; k < channels; ++k) {
        word |= (uint32_t)(uint8_t)from[k] << (8 * k);
    }
    return word;
}

/* The same of maps that have less than four channels, from column `first` on: bytes, not words that end beyond the line. */
TINYSEG_INNER void widen_narrow(
    uint32_t *to, layout l, const tinyseg_row *rows, int32_t count, int32_t first, int32_t columns, int32_t channels)
{
    for (int32_t column = first; column < columns; ++column, to += 2 * l.side) {
        int32_t row = 0;
        for (; row + 1 < count; row += 2) {
            const uint32_t x = load_narrow(rows[row].at + column * rows[row].step, channels);
            const uint32_t y = load_narrow(rows[row + 1].at + column * rows[row + 1].step, channels);
            put_two_rows(to + row / 2, l, x, y);
        }
        if (row < count) {
            const uint32_t word = load_narrow(rows[row].at + column * rows[row].step, channels);
            to[row / 2] = tinyseg_widen_even(word);
            to[row / 2 + l.side] = tinyseg_widen_odd(word);
        }
    }
}

/* Columns, of lines of `all` channels, from which four bytes lie in the line. */
TINYSEG_INLINE int32_t columns_of_words(int32_t columns, int32_t all)
{
    return all < 4 ? columns - (all + 3) / all + 1 : columns;
}

/* `words` words of the zero point twice. */
TINYSEG_INLINE uint32_t *fill(uint32_t *to, int32_t words, int32_t zero_point)
{
    const uint32_t word = tinyseg_halves(zero_point, zero_point);
    uint32_t *const end = to + words;
    while (to != end) { /* an even number */
        to[0] = word;
        to[1] = word;
        to += 2;
    }
    return to;
}

void tinyseg_stage_columns(
    int16_t *to,
    const tinyseg_row *rows,
    int32_t count,
    int32_t channels,
    int32_t all,
    int32_t before,
    int32_t columns,
    int32_t after,
    int32_t zero_point)
{
    const layout l = {count, (count + 1) / 2};
    const int32_t lead = all < 4 ? 0 : 4 - channels; /* words are loaded from so many channels earlier */
    uint32_t *at = fill((uint32_t *)(void *)to, 2 * l.side * before, zero_point);
    (void)fill(at + 2 * l.side * columns, 2 * l.side * after, zero_point);
    if (columns == 0) {
        return;
    }
    if (all < 4) {
        int32_t words = columns_of_words(columns, all);
        for (int32_t row = 0; row < count; ++row) {
            words = rows[row].step == 0 || words < 0 ? 0 : words;
        }
        widen_narrow(at + 2 * l.side * words, l, rows, count, words, columns, channels);
        columns = words;
    }
    for (; count > 1; count -= 2, rows += 2, ++at) {
        widen_two_rows(at, l, rows, columns, lead, 8 * lead);
    }
    if (count == 1) {
        widen_single_row(at, l.side, rows, columns, lead, 8 * lead);
    }
}

/* Columns of three rows that lie `step` bytes apart; the end of what is written. */
TINYSEG_INLINE uint32_t *widen_three_rows(uint32_t *to, const tinyseg_row *rows, int32_t columns)
{
    const int32_t step = rows[0].step;
    int32_t at = -columns * step; /* up to 0 */
    const int8_t *const x = rows[0].at - at;
    const int8_t *const y = rows[1].at - at;
    const int8_t *const z = rows[2].at - at;
#if TINYSEG_DSP_ASSEMBLER
    __asm__ volatile("1:\n\t"
                     "ldr r2, [%[x], %[at]]\n\t"
                     "ldr r4, [%[y], %[at]]\n\t"
                     "ldr r6, [%[z], %[at]]\n\t"
                     "sxtb16 r1, r2\n\t"
                     "sxtb16 r2, r2, ror #8\n\t"
                     "sxtb16 r5, r4\n\t"
                     "sxtb16 r9, r4, ror #8\n\t"
                     "pkhtb r4, r5, r1, asr #16\n\t"
                     "pkhbt r1, r1, r5, lsl #16\n\t"
                     "pkhbt r5, r2, r9, lsl #16\n\t"
                     "pkhtb r9, r9, r2, asr #16\n\t"
                     "sxtb16 r2, r6\n\t"
                     "sxtb16 r6, r6, ror #8\n\t"
                     "adds %[at], %[at], %[step]\n\t"
                     "stmia %[to]!, {r1, r2, r4, r5, r6, r9}\n\t"
                     "bne 1b"
                     : [to] "+r"(to), [at] "+r"(at)
                     : [x] "r"(x), [y] "r"(y), [z] "r"(z), [step] "r"(step)
                     : "r1", "r2", "r4", "r5", "r6", "r9", "cc", "memory");
#else
    const layout l = {3, 2};
    for (; at != 0; at += step, to += 6) {
        const uint32_t word = tinyseg_load_4(z + at);
        put_two_rows(to, l, tinyseg_load_4(x + at), tinyseg_load_4(y + at));
        to[1] = tinyseg_widen_even(word);
        to[4] = tinyseg_widen_odd(word);
    }
#endif
    return to;
}

/* `columns` columns of three rows of four channels, all of the zero point. */
TINYSEG_INLINE uint32_t *fill_three_rows(uint32_t *to, int32_t columns, uint32_t word)
{
    for (; columns > 0; --columns, to += 6) {
        to[0] = word;
        to[1] = word;
        to[2] = word;
        to[3] = word;
        to[4] = word;
        to[5] = word;
    }
    return to;
}

void tinyseg_stage_three_rows(
    int16_t *to, const tinyseg_row *rows, int32_t before, int32_t columns, int32_t after, int32_t zero_point)
{
    if (columns == 0 || rows[0].step == 0 || rows[1].step != rows[0].step || rows[2].step != rows[0].step) {
        tinyseg_stage_columns(to, rows, 3, 4, 4, before, columns, after, zero_point);
        return;
    }
    const uint32_t word = tinyseg_halves(zero_point, zero_point);
    uint32_t *const at = widen_three_rows(fill_three_rows((uint32_t *)(void *)to, before, word), rows, columns);
    (void)fill_three_rows(at, after, word);
}

void tinyseg_stage_three_narrow_rows(
    int16_t *to,
    const tinyseg_row *rows,
    int32_t channels,
    int32_t before,
    int32_t columns,
    int32_t after,
    int32_t zero_point)
{
    const int32_t words = columns_of_words(columns, channels);
    if (words <= 0 || rows[0].step == 0 || rows[1].step == 0 || rows[2].step == 0) {
        tinyseg_stage_columns(to, rows, 3, channels, channels, before, columns, after, zero_point);
        return;
    }
    const layout l = {3, 2};
    uint32_t *const rest = (uint32_t *)(void *)to + 6 * (before + words);
    tinyseg_stage_three_rows(to, rows, before, words, 0, zero_point);
    widen_narrow(rest, l, rows, 3, words, columns, channels);
    (void)fill_three_rows(rest + 6 * (columns - words), after, tinyseg_halves(zero_point, zero_point));
}
