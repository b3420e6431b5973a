/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution for cores with a 32 bit multiplier and few registers. */
#include "tinyseg_conv2d_v6m.h"
#include "tinyseg_store_v6m.h"

/* Of an output channel: the sum of all joined sums, modulo 2^32, and the second pixel's. */
typedef struct {
    uint32_t joined;
    int32_t second;
} sum_of_two;

/* Sums of two output channels over `pairs` records of the table. */
#if TINYSEG_THUMB1_ASSEMBLER
/* r0 table, r1 weights, r2 r6 products, r3-r5 record, r8-r11 sums, r12 end of the table. Entered behind the records that
 * make the number a multiple of four. */
#define CHANNEL(offset, joined, second) \
    "ldrh r2, [r1, #" offset "]\n\t" \
    "lsrs r6, r2, #8\n\t" \
    "muls r2, r4, r2\n\t" \
    "muls r6, r5, r6\n\t" \
    "adds r2, r2, r6\n\t" \
    "adds r2, r2, r3\n\t" \
    "add " joined ", r2\n\t" \
    "asrs r2, r2, #16\n\t" \
    "add " second ", r2\n\t"
#define PAIR(first, next) "ldmia r0!, {r3, r4, r5}\n\t" CHANNEL(first, "r8", "r9") CHANNEL(next, "r10", "r11")

__attribute__((naked, noinline)) static void sum_pairs(
    __attribute__((unused)) const uint32_t *table,
    __attribute__((unused)) const uint8_t *w,
    __attribute__((unused)) int32_t pairs,
    __attribute__((unused)) sum_of_two *sums)
{
    __asm__ volatile(".syntax unified\n\t"
                     "push {r4, r5, r6, r7, lr}\n\t"
                     "mov r4, r8\n\t"
                     "mov r5, r9\n\t"
                     "mov r6, r10\n\t"
                     "mov r7, r11\n\t"
                     "push {r3, r4, r5, r6, r7}\n\t"
                     "movs r4, #12\n\t"
                     "muls r4, r2, r4\n\t"
                     "adds r4, r4, r0\n\t"
                     "mov r12, r4\n\t"
                     "movs r4, #0\n\t"
                     "mov r8, r4\n\t"
                     "mov r9, r4\n\t"
                     "mov r10, r4\n\t"
                     "mov r11, r4\n\t"
                     "rsbs r2, r2, #0\n\t"
                     "movs r4, #3\n\t"
                     "ands r2, r4\n\t"
                     "lsls r4, r2, #2\n\t"
                     "subs r1, r1, r4\n\t"
                     "cmp r2, #1\n\t"
                     "blo 1f\n\t"
                     "beq 2f\n\t"
                     "cmp r2, #3\n\t"
                     "blo 3f\n\t"
                     "b 4f\n"
                     "1:\n\t" PAIR("0", "2") "2:\n\t" PAIR("4", "6") "3:\n\t" PAIR("8", "10") "4:\n\t" PAIR("12", "14")
                     "adds r1, #16\n\t"
                     "cmp r0, r12\n\t"
                     "bne 1b\n\t"
                     "pop {r3}\n\t"
                     "mov r4, r8\n\t"
                     "mov r5, r9\n\t"
                     "mov r6, r10\n\t"
                     "mov r7, r11\n\t"
                     "stmia r3!, {r4, r5, r6, r7}\n\t"
                     "pop {r4, r5, r6, r7}\n\t"
                     "mov r8, r4\n\t"
                     "mov r9, r5\n\t"
                     "mov r10, r6\n\t"
                     "mov r11, r7\n\t"
                     "pop {r4, r5, r6, r7, pc}");
}
#else
static void sum_pairs(const uint32_t *table, const uint8_t *w, int32_t pairs, sum_of_two *sums)
{
    for (int32_t k = 0; k < 2; ++k, ++sums) {
        const uint32_t *record = table;
        const uint8_t *u = w + 2 * k;
        sums->joined = 0;
        sums->second = 0;
        for (int32_t i = 0; i < pairs; ++i, record += 3, u += 4) {
            const uint32_t pair = u[0] | (uint32_t)u[1] << 8;
            const uint32_t sum = record[0] + pair * record[1] + (pair >> 8) * record[2];
            sums->joined += sum;
            sums->second += (int32_t)sum >> 16;
        }
    }
}
#endif

/* `count` values of both pixels, joined. Returns where the next go. */
TINYSEG_INNER uint32_t *join(uint32_t *to, const int8_t *a, const int8_t *b, int32_t count)
{
    const int8_t *const end = a + count;
    if ((count & 1) != 0) {
        *to++ = (uint32_t)*a++ + ((uint32_t)*b++ << 16);
    }
    for (; a != end; a += 2, b += 2, to += 2) {
        to[0] = (uint32_t)a[0] + ((uint32_t)b[0] << 16);
        to[1] = (uint32_t)a[1] + ((uint32_t)b[1] << 16);
    }
    return to;
}

/* The table's records, from the joined values that lie at its end. */
TINYSEG_INNER void complete(uint32_t *table, const uint32_t *values, const uint32_t *end)
{
    for (; values != end; values += 2, table += 3) {
        const uint32_t first = values[0];
        const uint32_t second = values[1];
        table[0] = 0x8000u - ((first + second) << 7);
        table[1] = first;
        table[2] = second - (first << 8);
    }
}

/* Fills the table for the pixels whose windows begin at input columns `column` and `column + next`. */
static void fill(const tinyseg_conv2d_v6m *p, const int8_t *const *lines, int32_t column, int32_t next, uint32_t *table)
{
    const int32_t width = p->input_width;
    const int32_t dilation = p->dilation;
    const int32_t taps = p->kernel_width;
    const int32_t pieces = p->pieces;
    const uint32_t zero_point = (uint32_t)(int32_t)p->input_zero_point;
    const int inside = dilation == 1 && column >= 0 && column + next + taps <= width;
    uint32_t *const values = table + p->pairs;
    uint32_t *const end = values + 2 * (int32_t)p->pairs;
    uint32_t *to = values;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        for (int32_t piece = 0; piece < pieces; ++piece) {
            const int32_t channels = p->piece_channels[piece];
            const int8_t *const line = *lines++;
            if (line == NULL) {
                const uint32_t padding = zero_point + (zero_point << 16);
                for (int32_t i = taps * channels; i > 0; --i) {
                    *to++ = padding;
                }
                continue;
            }
            if (inside) {
                const int8_t *const a = line + column * channels;
                to = join(to, a, a + next * channels, taps * channels);
                continue;
            }
            for (int32_t tap = 0, x = column; tap < taps; ++tap, x += dilation) {
                const int a_inside = x >= 0 && x < width;
                const int b_inside = x + next >= 0 && x + next < width;
                const int8_t *const a = line + x * channels;
                if (a_inside && b_inside) {
                    to = join(to, a, a + next * channels, channels);
                    continue;
                }
                for (int32_t i = 0; i < channels; ++i) {
                    const uint32_t first = a_inside ? (uint32_t)a[i] : zero_point;
                    const uint32_t second = b_inside ? (uint32_t)a[next * channels + i] : zero_point;
                    *to++ = first + (second << 16);
                }
            }
        }
    }
    if (to != end) {
        *to = 0;
    }
    complete(table, values, end);
}

/* Requantises a channel's sums of two pixels, `step` bytes apart. */
TINYSEG_INNER void store(const tinyseg_conv2d_v6m *p, const sum_of_two *sum, int32_t channel, int8_t *out, int32_t step)
{
    const tinyseg_scale scale = tinyseg_scale_of(p->multiplier[channel]);
    const int32_t zero_point = p->output.zero_point;
    const int32_t minimum = p->output.minimum;
    const int32_t maximum = p->output.maximum;
    const uint32_t bias = (uint32_t)p->bias[channel];
    const uint32_t second = (uint32_t)sum->second;
    const uint32_t first = sum->joined - ((uint32_t)p->pairs << 15) - (second << 16);
    out[0] = (int8_t)tinyseg_clamp(tinyseg_scaled_to((int32_t)(first + bias), scale, zero_point), minimum, maximum);
    out[step] = (int8_t)tinyseg_clamp(tinyseg_scaled_to((int32_t)(second + bias), scale, zero_point), minimum, maximum);
}

void tinyseg_conv2d_v6m_line(const tinyseg_conv2d_v6m *p, const int8_t *const *lines, void *table, int8_t *out)
{
    const int32_t stride = p->stride;
    const int32_t pixels = p->output_width;
    const int32_t outputs = p->output_channels;
    const int32_t pairs = p->pairs;
    int32_t column = -(int32_t)p->pad_left;
    for (int32_t x = 0; x < pixels; x += 2, column += 2 * stride, out += 2 * p->output_step) {
        const int two = x + 1 < pixels;
        const uint8_t *w = p->weight;
        const int32_t step = two ? p->output_step : 0; /* an odd pixel is computed twice */
        fill(p, lines, column, two ? stride : 0, table);
        for (int32_t o = 0; o < outputs; o += 2, w += 4 * pairs) {
            sum_of_two sums[2];
            sum_pairs(table, w, pairs, sums);
            store(p, &sums[0], o, out + o, step);
            if (o + 1 < outputs) {
                store(p, &sums[1], o + 1, out + o + 1, step);
            }
        }
    }
}
