/* SPDX-License-Identifier: Apache-2.0 */
/* The convolution kernel for cores with the DSP extension that takes no scratch memory, for one way to hold weights
 * (TINYSEG_JOINED, see tinyseg_joined.h) under one name (TINYSEG_CONV2D_DIRECT_DSP_LINE). */
#include "tinyseg_conv2d_direct_dsp.h"

#include "tinyseg_joined.h"
#include "tinyseg_scale.h"

#if TINYSEG_DSP_ASSEMBLER && TINYSEG_FPU_REGISTERS
#define ASSEMBLER 1
#else
#define ASSEMBLER 0
#endif

#define UNROLLED 4 /* quads of values */
#if TINYSEG_JOINED
#define QUAD_BYTES 128 /* of code */
#else
#define QUAD_BYTES 148
#endif
#define AFTER_LAST (UNROLLED * QUAD_BYTES + 4 - 1)

/* Fills a segment; returns the next. One less in `entry` is the Thumb bit. */
TINYSEG_INLINE tinyseg_segment *add_segment(tinyseg_segment *to, const int8_t *x, const int8_t *y, int32_t values)
{
    to->x = x;
    to->step = (intptr_t)y - (intptr_t)x;
    to->values = values - 3;
    to->entry = (values >> 2) % UNROLLED * QUAD_BYTES - 1;
    return to + 1;
}

TINYSEG_INLINE void end_list(tinyseg_segment *to)
{
    to->x = NULL;
    to->step = 0;
    to->values = 0;
    to->entry = AFTER_LAST;
}

/* Adds a pair of values of two pixels times the weights of `channels` channels: to sums[c] of the first pixel and
 * sums[channels + c] of the second. A single channel has two pairs to a word: `second` is set for the second of them,
 * and only then its words move on. */
TINYSEG_INLINE const uint32_t *add_pair(
    int32_t *sums, int32_t channels, uint32_t u, uint32_t v, const uint32_t *w, int32_t *second)
{
    if (channels == 1) {
        const uint32_t pair = *second != 0 ? tinyseg_widen_odd(*w) : tinyseg_widen_even(*w);
        sums[0] = tinyseg_dual_multiply(pair, u, sums[0]);
        sums[1] = tinyseg_dual_multiply(pair, v, sums[1]);
        w += *second;
        *second ^= 1;
        return w;
    }
    for (int32_t c = 0; c < channels; c += 2) {
        const uint32_t word = *w++;
        const uint32_t even = tinyseg_widen_even(word);
        const uint32_t odd = tinyseg_second(word);
        sums[c] = tinyseg_dual_multiply(even, u, sums[c]);
        sums[channels + c] = tinyseg_dual_multiply(even, v, sums[channels + c]);
        sums[c + 1] = tinyseg_dual_multiply(odd, u, sums[c + 1]);
        sums[channels + c + 1] = tinyseg_dual_multiply(odd, v, sums[channels + c + 1]);
    }
    return w;
}

/* Adds a list of segments to the sums of two pixels. Returns the weights that follow; of a single channel those that
 * are half used. */
TINYSEG_INLINE const uint32_t *add_segments(
    const tinyseg_segment *list, const uint32_t *w, int32_t *sums, int32_t channels, int32_t *second)
{
    for (; list->x != NULL; ++list) {
        const int8_t *x = list->x;
        const int8_t *y = (const int8_t *)((intptr_t)x + list->step);
        int32_t n = list->values + 3;
        for (; n >= 4; n -= 4, x += 4, y += 4) {
            const uint32_t u = tinyseg_load_4(x);
            const uint32_t v = tinyseg_load_4(y);
            w = add_pair(sums, channels, tinyseg_widen_even(u), tinyseg_widen_even(v), w, second);
            w = add_pair(sums, channels, tinyseg_widen_odd(u), tinyseg_widen_odd(v), w, second);
        }
        if (n >= 2) {
            const uint32_t u = tinyseg_halves(x[0], x[n - 1]);
            w = add_pair(sums, channels, u, tinyseg_halves(y[0], y[n - 1]), w, second);
        }
        if ((n & 1) != 0) {
            const uint32_t u = tinyseg_halves(x[n >> 1], 0);
            w = add_pair(sums, channels, u, tinyseg_halves(y[n >> 1], 0), w, second);
        }
    }
    return w;
}

#if ASSEMBLER
/* A pair of values of two pixels (r10, r11) times the weights of four channels. */
#if TINYSEG_JOINED
#define PAIR \
    "ldr r12, [r9], #4\n\t" \
    "smlad r1, r12, r10, r1\n\t" \
    "smlad r5, r12, r11, r5\n\t" \
    "sxtb16 r12, r12\n\t" \
    "smlad r0, r12, r10, r0\n\t" \
    "smlad r4, r12, r11, r4\n\t" \
    "ldr r12, [r9], #4\n\t" \
    "smlad r3, r12, r10, r3\n\t" \
    "smlad r7, r12, r11, r7\n\t" \
    "sxtb16 r12, r12\n\t" \
    "smlad r2, r12, r10, r2\n\t" \
    "smlad r6, r12, r11, r6\n\t"
/* The second pixel's word: the step is in lr, or in s2 for want of a register. */
#define LOAD_SECOND "ldr r11, [r8, lr]\n\t"
#else
#define PAIR \
    "ldr r12, [r9], #4\n\t" \
    "sxtb16 lr, r12\n\t" \
    "smlad r0, lr, r10, r0\n\t" \
    "smlad r4, lr, r11, r4\n\t" \
    "sxtb16 r12, r12, ror #8\n\t" \
    "smlad r1, r12, r10, r1\n\t" \
    "smlad r5, r12, r11, r5\n\t" \
    "ldr r12, [r9], #4\n\t" \
    "sxtb16 lr, r12\n\t" \
    "smlad r2, lr, r10, r2\n\t" \
    "smlad r6, lr, r11, r6\n\t" \
    "sxtb16 r12, r12, ror #8\n\t" \
    "smlad r3, r12, r10, r3\n\t" \
    "smlad r7, r12, r11, r7\n\t"
#define LOAD_SECOND "vmov r11, s2\n\tldr r11, [r8, r11]\n\t"
#endif
/* Four values of two pixels: QUAD_BYTES of code. The words wait in s4 and s5. */
#define QUAD \
    LOAD_SECOND \
    "ldr r10, [r8], #4\n\t" \
    "vmov s4, s5, r10, r11\n\t" \
    "sxtb16 r10, r10\n\t" \
    "sxtb16 r11, r11\n\t" PAIR \
    "vmov r10, r11, s4, s5\n\t" \
    "sxtb16 r10, r10, ror #8\n\t" \
    "sxtb16 r11, r11, ror #8\n\t" PAIR

/* Adds a list of segments to the sums of four channels of two pixels. Returns the weights that follow.
 *
 * r0 to r7: sums; r8: the first pixel's values; r9: weights. s0: the rest of the list, s1: where the sums are, s2 and
 * s3: of the segment, the step and 3 bytes less than its end. */
TINYSEG_INNER const uint32_t *add_to_four_channels(const tinyseg_segment *list, const uint32_t *weight, int32_t *sums)
{
    register const tinyseg_segment *l __asm__("r8") = list;
    register const uint32_t *w __asm__("r9") = weight;
    register int32_t *to __asm__("lr") = sums;
    __asm__ volatile("vmov s0, s1, r8, lr\n\t"
                     "ldmia lr, {r0-r7}\n"
                     "0:\n\t"
                     "vmov r11, s0\n\t"
                     "ldmia r11!, {r8, r10, r12, lr}\n\t"
                     "vmov s0, r11\n\t"
                     "add r10, r10, r8\n\t"
                     "vmov s2, s3, lr, r10\n\t"
                     "adr.w r11, 2f\n\t"
                     "sub.w r11, r11, r12\n\t"
                     "bx r11\n\t"
                     "b.w 6f\n"
                     "1:\n\t" QUAD QUAD QUAD QUAD
                     "2:\n\t"
                     "vmov r12, s3\n\t"
                     "subs.w r12, r12, r8\n\t"
                     "bgt.w 1b\n\t"
                     "adds.w r12, r12, #3\n\t"
                     "beq.w 0b\n\t"
                     "vmov r11, s2\n\t" /* one to three values remain */
                     "add r11, r11, r8\n\t"
                     "cmp r12, #2\n\t"
                     "blt.n 4f\n\t"
                     "bgt.n 3f\n\t"
                     "ldrsb r12, [r8, #1]\n\t"
                     "ldrsb lr, [r11, #1]\n\t"
                     "ldrsb r10, [r8]\n\t"
                     "ldrsb r11, [r11]\n\t"
                     "pkhbt r10, r10, r12, lsl #16\n\t"
                     "pkhbt r11, r11, lr, lsl #16\n\t"
                     "b.n 5f\n"
                     "3:\n\t"
                     "ldrsb r12, [r8, #2]\n\t"
                     "ldrsb lr, [r11, #2]\n\t"
                     "ldrsb r10, [r8], #1\n\t"
                     "ldrsb r11, [r11]\n\t"
                     "pkhbt r10, r10, r12, lsl #16\n\t"
                     "pkhbt r11, r11, lr, lsl #16\n\t" PAIR
                     "vmov r11, s2\n\t"
                     "add r11, r11, r8\n"
                     "4:\n\t"
                     "ldrsb r10, [r8]\n\t" /* beside anything: its weights are 0 */
                     "ldrsb r11, [r11]\n"
                     "5:\n\t" PAIR
                     "b.w 0b\n"
                     "6:\n\t"
                     "vmov lr, s1\n\t"
                     "stmia lr, {r0-r7}"
                     : "+r"(l), "+r"(w), "+r"(to)
                     :
                     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r10", "r11", "r12", "s0", "s1", "s2", "s3",
                       "s4", "s5", "cc", "memory");
    return w;
}
#else
TINYSEG_INNER const uint32_t *add_to_four_channels(const tinyseg_segment *list, const uint32_t *w, int32_t *sums)
{
    int32_t second = 0;
    return add_segments(list, w, sums, 4, &second);
}
#endif

TINYSEG_INNER const uint32_t *add_to_two_channels(const tinyseg_segment *list, const uint32_t *w, int32_t *sums)
{
    int32_t second = 0;
    int32_t four[4] = {sums[0], sums[1], sums[2], sums[3]};
    w = add_segments(list, w, four, 2, &second);
    memcpy(sums, four, sizeof four);
    return w;
}

TINYSEG_INNER const uint32_t *add_to_one_channel(
    const tinyseg_segment *list, const uint32_t *w, int32_t *sums, int32_t *second)
{
    int32_t two[2] = {sums[0], sums[1]};
    int32_t half = *second;
    w = add_segments(list, w, two, 1, &half);
    memcpy(sums, two, sizeof two);
    *second = half;
    return w;
}

/* Two output pixels: where the values under the kernel are. */
typedef struct {
    const tinyseg_conv2d_dsp *p;
    const int8_t *const *lines;
    const int8_t *padding;
    tinyseg_segment *segments;
    int32_t column; /* input column of the first pixel's first tap */
    int32_t move; /* columns from there to the second pixel's */
    int32_t step; /* bytes from the first output pixel to the second */
    int at_edge; /* the list must be made of each row and piece on its own */
    tinyseg_bounds bounds;
} pixels;

TINYSEG_INLINE const int8_t *tap_values(const pixels *t, const int8_t *line, int32_t column, int32_t channels)
{
    return line != NULL && column >= 0 && column < t->p->input_width ? line + column * channels : t->padding;
}

/* The list of the taps of one row and piece. */
TINYSEG_INNER void list_taps(const pixels *t, const int8_t *line, int32_t channels)
{
    tinyseg_segment *to = t->segments;
    int32_t column = t->column;
    for (int32_t tap = 0; tap < t->p->kernel_width; ++tap, column += t->p->dilation) {
        to = add_segment(
            to, tap_values(t, line, column, channels), tap_values(t, line, column + t->move, channels), channels);
    }
    end_list(to);
}

/* The sums of `channels` output channels (4, 2 or 1). Returns the weights that follow. */
TINYSEG_INNER const uint32_t *sum_channels(const pixels *t, const uint32_t *w, int32_t *sums, int32_t channels)
{
    const int32_t lists = t->at_edge ? t->p->kernel_height * t->p->pieces : 1;
    int32_t second = 0;
    int32_t piece = 0;
    for (int32_t i = 0; i < lists; ++i) {
        if (t->at_edge) {
            list_taps(t, t->lines[i], t->p->piece_channels[piece]);
            piece = piece + 1 == t->p->pieces ? 0 : piece + 1;
        }
        if (channels == 4) {
            w = add_to_four_channels(t->segments, w, sums);
        } else if (channels == 2) {
            w = add_to_two_channels(t->segments, w, sums);
        } else {
            w = add_to_one_channel(t->segments, w, sums, &second);
        }
    }
    return w + second;
}

/* All channels of the two pixels. */
static void two_pixels(const pixels *t, int8_t *out)
{
    const tinyseg_conv2d_dsp *const p = t->p;
    const uint32_t *w = p->weight;
    const int32_t *bias = p->bias;
    const tinyseg_multiplier *multiplier = p->multiplier;
    int32_t sums[8];
    int32_t count = p->output_channels;
    for (; count >= 3; count -= 4, bias += 4, multiplier += 4, out += 4) {
        const tinyseg_scale s0 = tinyseg_scale_of(multiplier[0]);
        const tinyseg_scale s1 = tinyseg_scale_of(multiplier[1]);
        const tinyseg_scale s2 = tinyseg_scale_of(multiplier[2]);
        const tinyseg_scale s3 = tinyseg_scale_of(multiplier[3]);
        uint32_t a, b;
        sums[0] = sums[4] = bias[0];
        sums[1] = sums[5] = tinyseg_join(bias[0], bias[1]);
        sums[2] = sums[6] = bias[2];
        sums[3] = sums[7] = tinyseg_join(bias[2], bias[3]);
        w = sum_channels(t, w, sums, 4);
        for (int32_t k = 0; k < 8; k += 2) {
            sums[k + 1] = tinyseg_apart(sums[k + 1], sums[k]);
        }
        a = tinyseg_requantize_4(sums[0], sums[1], sums[2], sums[3], s0, s1, s2, s3, &t->bounds);
        b = tinyseg_requantize_4(sums[4], sums[5], sums[6], sums[7], s0, s1, s2, s3, &t->bounds);
        if (count == 3) { /* and one that is not there */
            for (int32_t k = 0; k < 3; ++k) {
                out[k] = (int8_t)(uint8_t)(a >> 8 * k);
                out[t->step + k] = (int8_t)(uint8_t)(b >> 8 * k);
            }
            return;
        }
        tinyseg_store_4(out, a);
        tinyseg_store_4(out + t->step, b);
    }
    for (; count > 0; count -= 2, bias += 2, multiplier += 2, out += 2) {
        const int32_t channels = count >= 2 ? 2 : 1;
        sums[0] = sums[channels] = bias[0];
        if (channels == 2) {
            sums[1] = sums[3] = tinyseg_join(bias[0], bias[1]);
        }
        w = sum_channels(t, w, sums, channels);
        if (channels == 2) {
            sums[1] = tinyseg_apart(sums[1], sums[0]);
            sums[3] = tinyseg_apart(sums[3], sums[2]);
        }
        for (int32_t k = 0; k < channels; ++k) {
            const tinyseg_scale scale = tinyseg_scale_of(multiplier[k]);
            out[k] = tinyseg_requantize_1(sums[k], scale, &p->output);
            out[t->step + k] = tinyseg_requantize_1(sums[channels + k], scale, &p->output);
        }
    }
}

/* The list of all segments of two windows that lie in the map altogether. */
static void list_window(const pixels *t)
{
    const tinyseg_conv2d_dsp *const p = t->p;
    const int8_t *const *line = t->lines;
    tinyseg_segment *to = t->segments;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        for (int32_t piece = 0; piece < p->pieces; ++piece, ++line) {
            const int32_t channels = p->piece_channels[piece];
            for (int32_t tap = 0; tap < p->kernel_width; tap += p->segment_taps) {
                const int8_t *const x = *line + (t->column + tap * p->dilation) * channels;
                to = add_segment(to, x, x + t->move * channels, p->segment_taps * channels);
            }
        }
    }
    end_list(to);
}

/* The same of the next two pixels. */
TINYSEG_INLINE void move_window(const pixels *t)
{
    const tinyseg_conv2d_dsp *const p = t->p;
    const int32_t columns = 2 * p->stride;
    tinyseg_segment *segment = t->segments;
    if (p->pieces == 1u) {
        const int32_t bytes = columns * p->piece_channels[0];
        for (; segment->x != NULL; ++segment) {
            segment->x += bytes;
        }
        return;
    }
    while (segment->x != NULL) {
        for (int32_t piece = 0; piece < p->pieces; ++piece) {
            const int32_t bytes = columns * p->piece_channels[piece];
            for (int32_t tap = 0; tap < p->kernel_width; tap += p->segment_taps, ++segment) {
                segment->x += bytes;
            }
        }
    }
}

/* Copies the row of a window, with the zero point in the place of padding; returns the end. */
static int8_t *copy_row(const tinyseg_conv2d_dsp *p, const int8_t *line, int32_t column, int32_t channels, int8_t *to)
{
    for (int32_t tap = 0; tap < p->kernel_width; ++tap, ++column, to += channels) {
        if (line != NULL && column >= 0 && column < p->input_width) {
            memcpy(to, line + column * channels, (size_t)channels);
        } else {
            memset(to, p->input_zero_point, (size_t)channels);
        }
    }
    return to;
}

/* The list of copies of two windows anywhere, whose rows are one segment each. */
static void list_copies(const pixels *t, int8_t *copies)
{
    const tinyseg_conv2d_dsp *const p = t->p;
    const int8_t *const *line = t->lines;
    tinyseg_segment *to = t->segments;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        for (int32_t piece = 0; piece < p->pieces; ++piece, ++line) {
            const int32_t channels = p->piece_channels[piece];
            int8_t *const second = copy_row(p, *line, t->column, channels, copies);
            int8_t *const end = copy_row(p, *line, t->column + t->move, channels, second);
            to = add_segment(to, copies, second, p->kernel_width * channels);
            copies = end;
        }
    }
    end_list(to);
}

void TINYSEG_CONV2D_DIRECT_DSP_LINE(
    const tinyseg_conv2d_dsp *p,
    const int8_t *const *lines,
    const int8_t *padding,
    tinyseg_segment *segments,
    int8_t *copies,
    int8_t *out)
{
    const int32_t outputs = p->output_width;
    const int32_t reach = (p->kernel_width - 1) * p->dilation;
    int whole = 1; /* no line is padding */
    int follows = 0; /* on a window inside the map, whose list is there */
    pixels t;
    t.p = p;
    t.lines = lines;
    t.padding = padding;
    t.segments = segments;
    t.column = -(int32_t)p->pad_left;
    t.bounds = tinyseg_bounds_of(&p->output);
    for (int32_t i = 0; i < p->kernel_height * p->pieces; ++i) {
        whole = whole && lines[i] != NULL;
    }
    for (int32_t x = 0; x < outputs; x += 2, t.column += 2 * p->stride, out += 2 * p->output_step) {
        const int both = x + 1 < outputs;
        const int inside = whole && t.column >= 0 && t.column + (both ? p->stride : 0) + reach < p->input_width;
        t.move = both ? p->stride : 0;
        t.step = both ? p->output_step : 0;
        t.at_edge = !inside && copies == NULL;
        if (inside && follows && both) {
            move_window(&t);
        } else if (inside) {
            list_window(&t);
        } else if (copies != NULL) {
            list_copies(&t, copies);
        }
        follows = inside;
        two_pixels(&t, out);
    }
}
