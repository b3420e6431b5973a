/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution by Winograd's F(4, 3) for cores with the DSP extension.
 *
 * Two tiles of four output pixels at a time: their transformed windows lie in the scratch memory, then each block of
 * four output channels runs over them six times, eight sums in registers. */
#include "tinyseg_conv2d_winograd.h"

#include "tinyseg_scale.h"

#define POSITIONS 6
#define TILE 4                         /* output pixels of a tile */
#define PAIR_WORDS (2 * POSITIONS)     /* of the strip: [position][tile] */
#define SUMS (POSITIONS * 8)           /* [position][channel][tile] */
#define INVERSE_OF_3 0xAAAAAAABu       /* modulo 2^32 */
#define OFFSET 0x00800080u             /* makes int8 values non-negative */
#define LAST_OFFSET 0x08800880u        /* and their combinations: 2048 more for the last two columns */

/* The six numbers of a pair of channels, from the values of six columns. Both halves at once: with the offsets no result
 * is negative, so none borrows of the other. */
TINYSEG_INLINE void transform(
    uint32_t *to, uint32_t d0, uint32_t d1, uint32_t d2, uint32_t d3, uint32_t d4, uint32_t d5)
{
    const uint32_t a = d4 - (d2 << 2);
    const uint32_t b = d3 - (d1 << 2);
    const uint32_t c = d4 - d2;
    const uint32_t e = d3 - d1;
    to[0] = c + ((d0 - d2) << 2);
    to[2] = a + b;
    to[4] = a - b;
    to[6] = c + (e << 1);
    to[8] = c - (e << 1);
    to[10] = d5 - d3 - (e << 2);
}

/* The last one to three of n channels of a pixel, in the lower bytes of a word; two are bytes 0 and 2. Nothing that lies
 * behind the pixel is read. */
TINYSEG_INLINE uint32_t rest_of(const int8_t *pixel, int32_t n)
{
    const int32_t rest = n & 3;
    uint32_t word;
    if (n >= 4) {
        word = tinyseg_load_4(pixel + n - 4) >> 8 * (-n & 3);
    } else {
        word = (uint8_t)pixel[0] | (uint32_t)(uint8_t)pixel[rest >> 1] << 8 | (uint32_t)(uint8_t)pixel[rest - 1] << 16;
    }
    return rest == 2 ? word | (word & 0xFF00u) << 8 : word;
}

/* Transforms half of the bytes of six words, those that `plus` takes. */
#define TRANSFORM(to, plus, word) \
    transform( \
        to, \
        plus(OFFSET, word(0)), \
        plus(OFFSET, word(1)), \
        plus(OFFSET, word(2)), \
        plus(OFFSET, word(3)), \
        plus(LAST_OFFSET, word(4)), \
        plus(LAST_OFFSET, word(5)))

/* Words of six columns: x points to the first, y to the fourth. */
#define OF_THE_MAP(column) tinyseg_load_4((column) < 3 ? x + (column) * n : y + ((column) - 3) * n)
#define OF_THE_REST(column) w[column]

/* Transforms six columns of n channels, for one tile. Returns where the next segment begins. The last three of more than
 * four channels are transformed with the one before them, whose weights are 0 there. */
TINYSEG_INNER uint32_t *transform_columns(uint32_t *to, const int8_t *from, int32_t n)
{
    const int8_t *const end = from + n;
    const int8_t *x = from;
    const int8_t *y = from + 3 * n;
    int32_t quads = n >> 2;
    for (;;) {
        for (; quads > 0; --quads, x += 4, y += 4, to += 2 * PAIR_WORDS) {
            TRANSFORM(to, tinyseg_even_plus, OF_THE_MAP);
            TRANSFORM(to + PAIR_WORDS, tinyseg_odd_plus, OF_THE_MAP);
        }
        if (x == end) {
            return to;
        }
        if ((n & 3) != 3 || n < 4) {
            break;
        }
        --x;
        --y;
        quads = 1;
    }
    uint32_t w[POSITIONS];
#if defined(__GNUC__)
#pragma GCC unroll 6
#endif
    for (int32_t column = 0; column < POSITIONS; ++column) {
        w[column] = rest_of(from + column * n, n);
    }
    TRANSFORM(to, tinyseg_even_plus, OF_THE_REST);
    to += PAIR_WORDS;
    if ((n & 3) == 3) {
        TRANSFORM(to, tinyseg_odd_plus, OF_THE_REST);
        to += PAIR_WORDS;
    }
    return to;
}

/* Six columns from `column` on in `copy`, the zero point in the place of what is not in the map. */
static void copy_columns(
    const tinyseg_conv2d_winograd *p, const int8_t *line, int32_t column, int32_t channels, int8_t *copy)
{
    const int32_t width = p->input_width;
    const int32_t first = line == NULL ? POSITIONS : tinyseg_clamp(-column, 0, POSITIONS);
    const int32_t end = line == NULL ? POSITIONS : tinyseg_clamp(width - column, first, POSITIONS);
    const int32_t bytes = (end - first) * channels;
    memset(copy, p->input_zero_point, (size_t)(first * channels));
    copy += first * channels;
    if (bytes > 0) {
        const int8_t *from = line + (column + first) * channels;
        const int8_t *const stop = from + bytes;
        for (; stop - from >= 4; from += 4, copy += 4) {
            tinyseg_store_4(copy, tinyseg_load_4(from));
        }
        while (from != stop) {
            *copy++ = *from++;
        }
    }
    memset(copy, p->input_zero_point, (size_t)((POSITIONS - end) * channels));
}

/* Transforms the windows of four output pixels, whose first begins at input column `column`. */
TINYSEG_INNER void lay_out(
    const tinyseg_conv2d_winograd *p, const int8_t *const *lines, int32_t column, uint32_t *strip, int8_t *copy)
{
    const int inside = column >= 0 && column + POSITIONS <= p->input_width;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        for (int32_t piece = 0; piece < p->pieces; ++piece) {
            const int8_t *const line = *lines++;
            const int32_t channels = p->piece_channels[piece];
            const int8_t *from = copy;
            if (inside && line != NULL) {
                from = line + column * channels;
            } else {
                copy_columns(p, line, column, channels, copy);
            }
            strip = transform_columns(strip, from, channels);
        }
    }
}

#if TINYSEG_DSP_ASSEMBLER
/* A pair of values of two tiles times the weights of four channels: PAIR_BYTES of code. */
#define PAIR \
    "ldrd %[u], %[v], [%[x]], #48\n\t" \
    "ldrd %[s], %[t], [%[w]], #8\n\t" \
    "smlad r4, %[s], %[u], r4\n\t" \
    "smlad r5, %[s], %[v], r5\n\t" \
    "smlad r6, %[t], %[u], r6\n\t" \
    "smlad r7, %[t], %[v], r7\n\t" \
    "ldrd %[s], %[t], [%[w]], #8\n\t" \
    "smlad r8, %[s], %[u], r8\n\t" \
    "smlad r9, %[s], %[v], r9\n\t" \
    "smlad r10, %[t], %[u], r10\n\t" \
    "smlad r11, %[t], %[v], r11\n\t"
#define PAIR_BYTES 44

/* The same of the first tile alone. */
#define PAIR_OF_ONE \
    "ldr %[u], [%[x]], #48\n\t" \
    "ldrd %[s], %[t], [%[w]], #8\n\t" \
    "smlad r4, %[s], %[u], r4\n\t" \
    "smlad r6, %[t], %[u], r6\n\t" \
    "ldrd %[s], %[t], [%[w]], #8\n\t" \
    "smlad r8, %[s], %[u], r8\n\t" \
    "smlad r10, %[t], %[u], r10\n\t"
#define PAIR_OF_ONE_BYTES 28

/* The same of two tiles and the first three, two or one of four channels. */
#define PAIR_OF_3_CHANNELS \
    "ldrd %[u], %[v], [%[x]], #48\n\t" \
    "ldrd %[s], %[t], [%[w]], #8\n\t" \
    "smlad r4, %[s], %[u], r4\n\t" \
    "smlad r5, %[s], %[v], r5\n\t" \
    "smlad r6, %[t], %[u], r6\n\t" \
    "smlad r7, %[t], %[v], r7\n\t" \
    "ldr.w %[s], [%[w]], #8\n\t" \
    "smlad r8, %[s], %[u], r8\n\t" \
    "smlad r9, %[s], %[v], r9\n\t"
#define PAIR_OF_2_CHANNELS \
    "ldrd %[u], %[v], [%[x]], #48\n\t" \
    "ldrd %[s], %[t], [%[w]], #16\n\t" \
    "smlad r4, %[s], %[u], r4\n\t" \
    "smlad r5, %[s], %[v], r5\n\t" \
    "smlad r6, %[t], %[u], r6\n\t" \
    "smlad r7, %[t], %[v], r7\n\t"
#define PAIR_OF_1_CHANNEL \
    "ldrd %[u], %[v], [%[x]], #48\n\t" \
    "ldr.w %[s], [%[w]], #16\n\t" \
    "smlad r4, %[s], %[u], r4\n\t" \
    "smlad r5, %[s], %[v], r5\n\t"

/* All positions, with several pairs to a round of the loop, which is entered where the rest of them begins. */
#define SUM_UP(PAIRS) \
    __asm__ volatile("1:\n\t" \
                     "ldr %[t], %[entry]\n\t" \
                     "ldmia %[w]!, {r4, r6, r8, r10}\n\t" \
                     "adr.w %[u], 3f\n\t" \
                     "sub.w %[u], %[u], %[t]\n\t" \
                     "mov r5, r4\n\t" \
                     "mov r7, r6\n\t" \
                     "mov r9, r8\n\t" \
                     "mov r11, r10\n\t" \
                     "bx %[u]\n" \
                     "2:\n\t" PAIRS \
                     "3:\n\t" \
                     "ldr %[t], %[end]\n\t" \
                     "cmp %[x], %[t]\n\t" \
                     "bne.w 2b\n\t" \
                     "add.w %[t], %[t], #8\n\t" \
                     "str %[t], %[end]\n\t" \
                     "ldr %[s], %[to]\n\t" \
                     "ldr %[u], %[back]\n\t" \
                     "ldr %[v], %[last]\n\t" \
                     "stmia %[s]!, {r4, r5, r6, r7, r8, r9, r10, r11}\n\t" \
                     "str %[s], %[to]\n\t" \
                     "sub.w %[x], %[x], %[u]\n\t" \
                     "cmp %[s], %[v]\n\t" \
                     "bne.w 1b" \
                     : [x] "+r"(x), [w] "+r"(w), [s] "=&r"(s), [t] "=&r"(t), [u] "=&r"(u), [v] "=&r"(v), \
                       [end] "+m"(end), [to] "+m"(to) \
                     : [last] "m"(last), [back] "m"(back), [entry] "m"(entry) \
                     : "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "cc", "memory")
#endif

/* Sums of both tiles for the first `channels` of four output channels, or, where that is 0, of the first tile for all of
 * them. Returns the weights that follow. */
TINYSEG_INNER const uint32_t *sum_up(
    const uint32_t *x, const uint32_t *w, int32_t pairs, int32_t channels, int32_t *sums)
{
#if TINYSEG_DSP_ASSEMBLER
    /* In memory: the loop takes all registers. */
    const uint32_t *volatile end = x + pairs * PAIR_WORDS;
    int32_t *volatile to = sums;
    int32_t *volatile last = sums + SUMS;
    volatile int32_t back = pairs * PAIR_WORDS * 4 - 8; /* bytes to the next position */
    volatile int32_t entry; /* bytes of code to begin with, less the Thumb bit */
    uint32_t s, t, u, v;
    if (channels == 4) {
        entry = (pairs & 7) * PAIR_BYTES - 1;
        SUM_UP(PAIR PAIR PAIR PAIR PAIR PAIR PAIR PAIR);
    } else if (channels == 0) {
        entry = (pairs & 7) * PAIR_OF_ONE_BYTES - 1;
        SUM_UP(PAIR_OF_ONE PAIR_OF_ONE PAIR_OF_ONE PAIR_OF_ONE PAIR_OF_ONE PAIR_OF_ONE PAIR_OF_ONE PAIR_OF_ONE);
    } else if (channels == 3) {
        entry = (pairs & 3) * 36 - 1;
        SUM_UP(PAIR_OF_3_CHANNELS PAIR_OF_3_CHANNELS PAIR_OF_3_CHANNELS PAIR_OF_3_CHANNELS);
    } else if (channels == 2) {
        entry = (pairs & 3) * 24 - 1;
        SUM_UP(PAIR_OF_2_CHANNELS PAIR_OF_2_CHANNELS PAIR_OF_2_CHANNELS PAIR_OF_2_CHANNELS);
    } else {
        entry = (pairs & 3) * 16 - 1;
        SUM_UP(PAIR_OF_1_CHANNEL PAIR_OF_1_CHANNEL PAIR_OF_1_CHANNEL PAIR_OF_1_CHANNEL);
    }
#else
    for (int32_t position = 0; position < POSITIONS; ++position, sums += 8) {
        const uint32_t *u = x + 2 * position;
        for (int32_t k = 0; k < 4; ++k) {
            sums[2 * k] = sums[2 * k + 1] = (int32_t)w[k];
        }
        w += 4;
        for (int32_t pair = 0; pair < pairs; ++pair, u += PAIR_WORDS, w += 4) {
            for (int32_t k = 0; k < 4; ++k) {
                sums[2 * k] = k < channels || channels == 0 ? tinyseg_dual_multiply(w[k], u[0], sums[2 * k]) : 0;
                sums[2 * k + 1] = k < channels ? tinyseg_dual_multiply(w[k], u[1], sums[2 * k + 1]) : 0;
            }
        }
    }
#endif
    return w;
}

/* Results of four pixels of a channel, from its six sums, which are eight apart, to `out` and on every `step` bytes. */
TINYSEG_INLINE void four_results(
    const int32_t *sums, tinyseg_scale scale, const tinyseg_bounds *bounds, int clamped, int32_t step, uint8_t *out)
{
    const uint32_t s = (uint32_t)sums[8] + (uint32_t)sums[16];
    const uint32_t d = (uint32_t)sums[8] - (uint32_t)sums[16];
    const uint32_t t = (uint32_t)sums[24] + (uint32_t)sums[32];
    const uint32_t u = (uint32_t)sums[24] - (uint32_t)sums[32];
    int32_t y0 = (int32_t)(((uint32_t)sums[0] + s + t) * INVERSE_OF_3);
    int32_t y1 = (int32_t)((d + (u << 1)) * INVERSE_OF_3);
    int32_t y2 = (int32_t)((s + (t << 2)) * INVERSE_OF_3);
    int32_t y3 = (int32_t)((d + (u << 3) + (uint32_t)sums[40]) * INVERSE_OF_3);
    uint8_t *const third = out + 2 * step;
#if defined(TINYSEG_RULE_TFLITE)
    /* eight times the sums */
    y0 = tinyseg_within(tinyseg_scaled_to(y0 >> 3, scale, bounds->zero_point), 0, 0, 0);
    y1 = tinyseg_within(tinyseg_scaled_to(y1 >> 3, scale, bounds->zero_point), 0, 0, 0);
    y2 = tinyseg_within(tinyseg_scaled_to(y2 >> 3, scale, bounds->zero_point), 0, 0, 0);
    y3 = tinyseg_within(tinyseg_scaled_to(y3 >> 3, scale, bounds->zero_point), 0, 0, 0);
#else
    tinyseg_scale_two(&y0, &y1, scale, scale);
    tinyseg_scale_two(&y2, &y3, scale, scale);
    y0 = tinyseg_add_saturate_8(y0, bounds->zero_point);
    y1 = tinyseg_add_saturate_8(y1, bounds->zero_point);
    y2 = tinyseg_add_saturate_8(y2, bounds->zero_point);
    y3 = tinyseg_add_saturate_8(y3, bounds->zero_point);
#endif
    if (clamped) {
        uint32_t four = tinyseg_pack_4(y0, y1, y2, y3);
        four = tinyseg_min_4(tinyseg_max_4(four, bounds->minimum), bounds->maximum);
        out[0] = (uint8_t)four;
        out[step] = (uint8_t)(four >> 8);
        third[0] = (uint8_t)(four >> 16);
        third[step] = (uint8_t)(four >> 24);
    } else {
        out[0] = (uint8_t)y0;
        out[step] = (uint8_t)y1;
        third[0] = (uint8_t)y2;
        third[step] = (uint8_t)y3;
    }
}

/* Results of both tiles for so many channels of a block; the second tile begins `second` pixels after the first. */
TINYSEG_INLINE void results_of_block(
    const int32_t *sums,
    const tinyseg_multiplier *multiplier,
    const tinyseg_bounds *bounds,
    int clamped,
    int32_t channels,
    int32_t second,
    int32_t step,
    uint8_t *out)
{
    const tinyseg_bounds b = *bounds;
    uint8_t *other = out + second * step;
    for (const int32_t *const end = sums + 2 * channels; sums != end; sums += 2) {
        const tinyseg_scale scale = tinyseg_scale_of(*multiplier++);
        four_results(sums, scale, &b, clamped, step, out++);
        four_results(sums + 1, scale, &b, clamped, step, other++);
    }
}

TINYSEG_INNER void write_results(
    const int32_t *sums,
    const tinyseg_multiplier *multiplier,
    const tinyseg_bounds *bounds,
    int32_t channels,
    int32_t second,
    int32_t step,
    uint8_t *out)
{
    if (bounds->clamped != 0) {
        results_of_block(sums, multiplier, bounds, 1, channels, second, step, out);
    } else {
        results_of_block(sums, multiplier, bounds, 0, channels, second, step, out);
    }
}

/* The same of fewer pixels, of the first tile alone. */
static void write_some(
    const int32_t *sums,
    const tinyseg_multiplier *multiplier,
    const tinyseg_bounds *bounds,
    int32_t channels,
    int32_t pixels,
    int32_t step,
    uint8_t *out)
{
    uint8_t block[2 * TILE * 4];
    write_results(sums, multiplier, bounds, channels, TILE, 4, block);
    for (int32_t pixel = 0; pixel < pixels; ++pixel, out += step) {
        for (int32_t k = 0; k < channels; ++k) {
            out[k] = block[4 * pixel + k];
        }
    }
}

void tinyseg_conv2d_winograd_line(
    const tinyseg_conv2d_winograd *p, const int8_t *const *lines, void *scratch, int8_t *out)
{
    uint32_t *const strip = scratch;
    const int32_t pairs = p->pairs;
    int32_t *const sums = (int32_t *)scratch + pairs * PAIR_WORDS;
    int8_t *const copy = (int8_t *)(sums + SUMS);
    const int32_t outputs = p->output_channels;
    const int32_t width = p->output_width;
    const tinyseg_bounds bounds = tinyseg_bounds_of(&p->output);
    for (int32_t x = 0; x < width; x += 2 * TILE, out += 2 * TILE * outputs) {
        const int32_t column = x - (int32_t)p->pad_left;
        const int32_t pixels = width - x < 2 * TILE ? width - x : 2 * TILE;
        const int32_t second = pixels - TILE; /* its pixels may be the first tile's in part */
        const uint32_t *w = p->weight;
        lay_out(p, lines, column, strip, copy);
        if (pixels > TILE) {
            lay_out(p, lines, column + second, strip + 1, copy);
        }
        for (int32_t o = 0; o < outputs; o += 4) {
            const int32_t channels = outputs - o < 4 ? outputs - o : 4;
            w = sum_up(strip, w, pairs, pixels > TILE ? channels : 0, sums);
            if (pixels > TILE) {
                write_results(sums, p->multiplier + o, &bounds, channels, second, outputs, (uint8_t *)out + o);
            } else {
                write_some(sums, p->multiplier + o, &bounds, channels, pixels, outputs, (uint8_t *)out + o);
            }
        }
    }
}
