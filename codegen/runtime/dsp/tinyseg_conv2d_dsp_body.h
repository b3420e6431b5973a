/* SPDX-License-Identifier: Apache-2.0 */
/* The convolution kernel for cores with the DSP extension, for one way to hold weights (TINYSEG_JOINED, see
 * tinyseg_joined.h) under one name (TINYSEG_CONV2D_DSP_LINE). */
#include "tinyseg_conv2d_dsp.h"

#include "tinyseg_joined.h"
#include "tinyseg_scale.h"

/* Where the values of a kernel's window are to be found. */
typedef struct {
    const tinyseg_conv2d_dsp *p;
    int32_t channels; /* of the piece */
    int32_t used;     /* of them, by the group */
    int32_t offset;   /* of the first used channel */
} window;

#if TINYSEG_DSP_ASSEMBLER
/* Four values of two pixels. */
#define WIDEN_4 \
    "ldr r5, [%[a]], #4\n\t" \
    "ldr r6, [%[b]], #4\n\t" \
    "sxtb16 r3, r5\n\t" \
    "sxtb16 r4, r6\n\t" \
    "sxtb16 r5, r5, ror #8\n\t" \
    "sxtb16 r6, r6, ror #8\n\t" \
    "stmia %[to]!, {r3, r4, r5, r6}\n\t"
#endif

/* Widens the 1 to 3 values of two pixels that remain. */
TINYSEG_INNER uint32_t *widen_rest(uint32_t *to, const int8_t *a, const int8_t *b, int32_t n)
{
    if (n == 1) {
        to[0] = tinyseg_halves(a[0], 0);
        to[1] = tinyseg_halves(b[0], 0);
        return to + 2;
    }
    if (n == 2) {
        to[0] = tinyseg_halves(a[0], a[1]);
        to[1] = tinyseg_halves(b[0], b[1]);
        return to + 2;
    }
    to[0] = tinyseg_halves(a[0], a[2]);
    to[1] = tinyseg_halves(b[0], b[2]);
    to[2] = tinyseg_halves(a[1], 0);
    to[3] = tinyseg_halves(b[1], 0);
    return to + 4;
}

/* Widens n values of two pixels, pair by pair: of four values the first and third, then the second and fourth; of two
 * remaining ones both; a single one beside 0. Returns the end. */
TINYSEG_INLINE uint32_t *widen(uint32_t *to, const int8_t *a, const int8_t *b, int32_t n)
{
    int32_t quads = n >> 2;
#if TINYSEG_DSP_ASSEMBLER
    __asm__ volatile("lsrs %[n], %[n], #1\n\t"
                     "bcc 1f\n\t" WIDEN_4
                     "1:\n\t"
                     "cbz %[n], 3f\n"
                     "2:\n\t" WIDEN_4
                     "subs %[n], %[n], #1\n\t" WIDEN_4
                     "bne 2b\n"
                     "3:"
                     : [to] "+r"(to), [a] "+r"(a), [b] "+r"(b), [n] "+l"(quads)
                     :
                     : "r3", "r4", "r5", "r6", "cc", "memory");
#else
    for (; quads > 0; --quads) {
        const uint32_t u = tinyseg_load_4(a);
        const uint32_t v = tinyseg_load_4(b);
        to[0] = tinyseg_widen_even(u);
        to[1] = tinyseg_widen_even(v);
        to[2] = tinyseg_widen_odd(u);
        to[3] = tinyseg_widen_odd(v);
        to += 4;
        a += 4;
        b += 4;
    }
#endif
    return (n & 3) == 0 ? to : widen_rest(to, a, b, n & 3);
}

static void copy_bytes(int8_t *to, const int8_t *from, int32_t n)
{
    for (; n >= 4; n -= 4, to += 4, from += 4) {
        tinyseg_store_4(to, tinyseg_load_4(from));
    }
    for (; n > 0; --n) {
        *to++ = *from++;
    }
}

/* The values of one segment from input column `column` on: where they are, or in `copy` with the zero point in the
 * place of padding. */
static const int8_t *segment_values(const window *w, const int8_t *line, int32_t column, int8_t *copy)
{
    const tinyseg_conv2d_dsp *p = w->p;
    const int32_t taps = p->segment_taps;
    int8_t *to = copy;
    if (line != NULL && column >= 0 && column + taps <= p->input_width) {
        return line + column * w->channels + w->offset;
    }
    for (int32_t tap = 0; tap < taps; ++tap, ++column, to += w->used) {
        if (line != NULL && column >= 0 && column < p->input_width) {
            copy_bytes(to, line + column * w->channels + w->offset, w->used);
        } else {
            memset(to, p->input_zero_point, (size_t)w->used);
        }
    }
    return copy;
}

/* Lays out the windows that begin at input columns `column` and `column + step`, which lie in the map altogether and
 * whose rows are one segment each. */
TINYSEG_INNER void lay_out_inside(
    const tinyseg_conv2d_dsp *p, const int8_t *const *lines, int32_t column, int32_t step, uint32_t *strip)
{
    const int32_t kernel = p->kernel_width;
    const int32_t pieces = p->pieces;
    const int8_t *const *const end = lines + p->kernel_height * pieces;
    int32_t piece = 0;
    if (pieces == 1) {
        const int32_t channels = p->piece_channels[0];
        const int32_t offset = column * channels;
        const int32_t next = step * channels;
        while (lines != end) {
            const int8_t *const a = *lines++ + offset;
            strip = widen(strip, a, a + next, kernel * channels);
        }
        return;
    }
    while (lines != end) {
        const int32_t channels = p->piece_channels[piece];
        const int8_t *const a = *lines++ + column * channels;
        strip = widen(strip, a, a + step * channels, kernel * channels);
        piece = piece + 1 == pieces ? 0 : piece + 1;
    }
}

/* The same of windows anywhere, for one group. */
TINYSEG_INNER void lay_out(
    const tinyseg_conv2d_dsp *p,
    const int8_t *const *lines,
    int32_t group,
    int32_t column,
    int32_t step,
    uint32_t *strip)
{
    const int32_t kernel = p->kernel_width;
    const int32_t taps = p->segment_taps;
    const int32_t dilation = p->dilation;
    const int32_t last = column + step + (kernel - 1) * dilation;
    const int inside = column >= 0 && last < p->input_width;
    int8_t *const copy = (int8_t *)(strip + 2 * (int32_t)p->pairs);
    window w;
    w.p = p;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        for (int32_t piece = 0; piece < p->pieces; ++piece) {
            const int8_t *const line = *lines++;
            int32_t n;
            w.channels = p->piece_channels[piece];
            w.used = p->groups == 1u ? w.channels : w.channels / p->groups;
            w.offset = group * w.used;
            n = taps * w.used;
            for (int32_t tap = 0; tap < kernel; tap += taps) {
                const int32_t x = column + tap * dilation;
                if (inside && line != NULL) {
                    const int8_t *const a = line + x * w.channels + w.offset;
                    strip = widen(strip, a, a + step * w.channels, n);
                } else {
                    const int8_t *const a = segment_values(&w, line, x, copy);
                    strip = widen(strip, a, segment_values(&w, line, x + step, copy + n), n);
                }
            }
        }
    }
}

#if TINYSEG_DSP_ASSEMBLER
/* A pair of values of two pixels times the weights of four channels: PAIR_BYTES of code. */
#if TINYSEG_JOINED
#define PAIR \
    "ldrd %[u], %[v], [%[x]], #8\n\t" \
    "ldr %[s], [%[w]], #4\n\t" \
    "smlad %[a1], %[s], %[u], %[a1]\n\t" \
    "smlad %[b1], %[s], %[v], %[b1]\n\t" \
    "sxtb16 %[s], %[s]\n\t" \
    "smlad %[a0], %[s], %[u], %[a0]\n\t" \
    "smlad %[b0], %[s], %[v], %[b0]\n\t" \
    "ldr %[s], [%[w]], #4\n\t" \
    "smlad %[a3], %[s], %[u], %[a3]\n\t" \
    "smlad %[b3], %[s], %[v], %[b3]\n\t" \
    "sxtb16 %[s], %[s]\n\t" \
    "smlad %[a2], %[s], %[u], %[a2]\n\t" \
    "smlad %[b2], %[s], %[v], %[b2]\n\t"
#else
#define PAIR \
    "ldrd %[u], %[v], [%[x]], #8\n\t" \
    "ldr %[s], [%[w]], #4\n\t" \
    "sxtb16 %[t], %[s]\n\t" \
    "smlad %[a0], %[t], %[u], %[a0]\n\t" \
    "smlad %[b0], %[t], %[v], %[b0]\n\t" \
    "sxtb16 %[s], %[s], ror #8\n\t" \
    "smlad %[a1], %[s], %[u], %[a1]\n\t" \
    "smlad %[b1], %[s], %[v], %[b1]\n\t" \
    "ldr %[s], [%[w]], #4\n\t" \
    "sxtb16 %[t], %[s]\n\t" \
    "smlad %[a2], %[t], %[u], %[a2]\n\t" \
    "smlad %[b2], %[t], %[v], %[b2]\n\t" \
    "sxtb16 %[s], %[s], ror #8\n\t" \
    "smlad %[a3], %[s], %[u], %[a3]\n\t" \
    "smlad %[b3], %[s], %[v], %[b3]\n\t"
#endif
#endif

#if TINYSEG_JOINED
#define PAIR_BYTES 52
#else
#define PAIR_BYTES 60
#endif

/* Bytes of code to begin with in the loop over eight pairs, less one for the Thumb bit. */
#define ENTRY(pairs) (((pairs) & 7) * PAIR_BYTES - 1)

/* What the blocks of channels have in common. */
typedef struct {
    const uint32_t *strip;
    const uint32_t *end;
    int32_t entry;
    int32_t step; /* bytes from the first output pixel to the second */
    tinyseg_bounds bounds;
} tile;

/* Four output channels of two pixels. Returns the weights that follow. */
TINYSEG_INNER const uint32_t *four_channels(
    const tile *t, const uint32_t *w, const int32_t *bias, const tinyseg_multiplier *multiplier, int8_t *out)
{
    const uint32_t *x = t->strip;
    int32_t a0 = bias[0];
    int32_t a1 = tinyseg_join(bias[0], bias[1]);
    int32_t a2 = bias[2];
    int32_t a3 = tinyseg_join(bias[2], bias[3]);
    int32_t b0 = a0;
    int32_t b1 = a1;
    int32_t b2 = a2;
    int32_t b3 = a3;
    tinyseg_scale s0, s1, s2, s3;
#if TINYSEG_DSP_ASSEMBLER
    const uint32_t *volatile end = t->end; /* in memory: the loop takes all registers */
    int32_t entry = t->entry;
    uint32_t s, u, v;
    __asm__ volatile("adr.w %[u], 2f\n\t"
                     "sub.w %[u], %[u], %[t]\n\t"
                     "bx %[u]\n"
                     "1:\n\t" PAIR PAIR PAIR PAIR PAIR PAIR PAIR PAIR
                     "2:\n\t"
                     "ldr %[t], %[end]\n\t"
                     "cmp %[x], %[t]\n\t"
                     "bne.w 1b"
                     : [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3), [b0] "+r"(b0), [b1] "+r"(b1),
                       [b2] "+r"(b2), [b3] "+r"(b3), [x] "+r"(x), [w] "+r"(w), [t] "+r"(entry), [s] "=&r"(s),
                       [u] "=&r"(u), [v] "=&r"(v)
                     : [end] "m"(end)
                     : "cc", "memory");
#else
    for (; x != t->end; x += 2, w += 2) {
        uint32_t v = tinyseg_widen_even(w[0]);
        a0 = tinyseg_dual_multiply(v, x[0], a0);
        b0 = tinyseg_dual_multiply(v, x[1], b0);
        v = tinyseg_second(w[0]);
        a1 = tinyseg_dual_multiply(v, x[0], a1);
        b1 = tinyseg_dual_multiply(v, x[1], b1);
        v = tinyseg_widen_even(w[1]);
        a2 = tinyseg_dual_multiply(v, x[0], a2);
        b2 = tinyseg_dual_multiply(v, x[1], b2);
        v = tinyseg_second(w[1]);
        a3 = tinyseg_dual_multiply(v, x[0], a3);
        b3 = tinyseg_dual_multiply(v, x[1], b3);
    }
#endif
    a1 = tinyseg_apart(a1, a0);
    a3 = tinyseg_apart(a3, a2);
    b1 = tinyseg_apart(b1, b0);
    b3 = tinyseg_apart(b3, b2);
    s0 = tinyseg_scale_of(multiplier[0]);
    s1 = tinyseg_scale_of(multiplier[1]);
    s2 = tinyseg_scale_of(multiplier[2]);
    s3 = tinyseg_scale_of(multiplier[3]);
    tinyseg_store_4(out, tinyseg_requantize_4(a0, a1, a2, a3, s0, s1, s2, s3, &t->bounds));
    tinyseg_store_4(out + t->step, tinyseg_requantize_4(b0, b1, b2, b3, s0, s1, s2, s3, &t->bounds));
    return w;
}

#if TINYSEG_DSP_ASSEMBLER
/* A pair of values of two pixels times the weights of two channels. */
#if TINYSEG_JOINED
#define PAIR_OF_TWO \
    "ldrd %[u], %[v], [%[x]], #8\n\t" \
    "ldr %[s], [%[w]], #4\n\t" \
    "sxtb16 %[t], %[s]\n\t" \
    "smlad %[a1], %[s], %[u], %[a1]\n\t" \
    "smlad %[b1], %[s], %[v], %[b1]\n\t" \
    "smlad %[a0], %[t], %[u], %[a0]\n\t" \
    "smlad %[b0], %[t], %[v], %[b0]\n\t"
#else
#define PAIR_OF_TWO \
    "ldrd %[u], %[v], [%[x]], #8\n\t" \
    "ldr %[s], [%[w]], #4\n\t" \
    "sxtb16 %[t], %[s]\n\t" \
    "smlad %[a0], %[t], %[u], %[a0]\n\t" \
    "smlad %[b0], %[t], %[v], %[b0]\n\t" \
    "sxtb16 %[s], %[s], ror #8\n\t" \
    "smlad %[a1], %[s], %[u], %[a1]\n\t" \
    "smlad %[b1], %[s], %[v], %[b1]\n\t"
#endif
/* Two pairs of values of two pixels times the weights of one channel. */
#define PAIRS_OF_ONE \
    "ldr %[s], [%[w]], #4\n\t" \
    "ldrd %[u], %[v], [%[x]], #8\n\t" \
    "sxtb16 %[t], %[s]\n\t" \
    "smlad %[a], %[t], %[u], %[a]\n\t" \
    "smlad %[b], %[t], %[v], %[b]\n\t" \
    "ldrd %[u], %[v], [%[x]], #8\n\t" \
    "sxtb16 %[s], %[s], ror #8\n\t" \
    "smlad %[a], %[s], %[u], %[a]\n\t" \
    "smlad %[b], %[s], %[v], %[b]\n\t"
#endif

/* Sums of two channels (a: first pixel, b: second) over all pairs from x to end. Returns the weights that follow. */
TINYSEG_INLINE const uint32_t *two_channels(
    int32_t *a, int32_t *b, const uint32_t *x, const uint32_t *end, const uint32_t *w)
{
    int32_t a0 = a[0];
    int32_t a1 = tinyseg_join(a[0], a[1]);
    int32_t b0 = b[0];
    int32_t b1 = tinyseg_join(b[0], b[1]);
#if TINYSEG_DSP_ASSEMBLER
    uint32_t s, t, u, v;
    for (; end - x >= 8;) {
        __asm__ volatile(PAIR_OF_TWO PAIR_OF_TWO PAIR_OF_TWO PAIR_OF_TWO
                         : [a0] "+r"(a0), [a1] "+r"(a1), [b0] "+r"(b0), [b1] "+r"(b1), [x] "+r"(x), [w] "+r"(w),
                           [s] "=&r"(s), [t] "=&r"(t), [u] "=&r"(u), [v] "=&r"(v)
                         :
                         : "memory");
    }
#endif
    for (; x != end; x += 2) {
        const uint32_t word = *w++;
        uint32_t even = tinyseg_widen_even(word);
        a0 = tinyseg_dual_multiply(even, x[0], a0);
        b0 = tinyseg_dual_multiply(even, x[1], b0);
        even = tinyseg_second(word);
        a1 = tinyseg_dual_multiply(even, x[0], a1);
        b1 = tinyseg_dual_multiply(even, x[1], b1);
    }
    a[0] = a0;
    a[1] = tinyseg_apart(a1, a0);
    b[0] = b0;
    b[1] = tinyseg_apart(b1, b0);
    return w;
}

/* The same of one channel; two pairs to a word of weights. */
TINYSEG_INLINE const uint32_t *one_channel(
    int32_t *a_sum, int32_t *b_sum, const uint32_t *x, const uint32_t *end, const uint32_t *w)
{
    int32_t a = *a_sum;
    int32_t b = *b_sum;
#if TINYSEG_DSP_ASSEMBLER
    uint32_t s, t, u, v;
    for (; end - x >= 8;) {
        __asm__ volatile(PAIRS_OF_ONE PAIRS_OF_ONE
                         : [a] "+r"(a), [b] "+r"(b), [x] "+r"(x), [w] "+r"(w), [s] "=&r"(s), [t] "=&r"(t),
                           [u] "=&r"(u), [v] "=&r"(v)
                         :
                         : "memory");
    }
#endif
    for (; end - x >= 4; x += 4) {
        const uint32_t word = *w++;
        const uint32_t even = tinyseg_widen_even(word);
        const uint32_t odd = tinyseg_widen_odd(word);
        a = tinyseg_dual_multiply(even, x[0], a);
        b = tinyseg_dual_multiply(even, x[1], b);
        a = tinyseg_dual_multiply(odd, x[2], a);
        b = tinyseg_dual_multiply(odd, x[3], b);
    }
    if (x != end) {
        const uint32_t even = tinyseg_widen_even(*w++);
        a = tinyseg_dual_multiply(even, x[0], a);
        b = tinyseg_dual_multiply(even, x[1], b);
    }
    *a_sum = a;
    *b_sum = b;
    return w;
}

/* Output channels [o, o + count) of two pixels from their laid out values. Returns the weights that follow. */
TINYSEG_INNER const uint32_t *two_pixels(
    const tinyseg_conv2d_dsp *p, const tile *t, const uint32_t *w, int32_t o, int32_t count, int8_t *out)
{
    const int32_t *bias = p->bias + o;
    const tinyseg_multiplier *multiplier = p->multiplier + o;
    int32_t a[2];
    int32_t b[2];
    out += o;
    for (; count >= 4; count -= 4, bias += 4, multiplier += 4, out += 4) {
        w = four_channels(t, w, bias, multiplier, out);
    }
    if (count == 3) { /* and one that is not there */
        tile last = *t;
        int8_t four[8];
        last.step = 4;
        w = four_channels(&last, w, bias, multiplier, four);
        for (int32_t k = 0; k < 3; ++k) {
            out[k] = four[k];
            out[t->step + k] = four[4 + k];
        }
        return w;
    }
    if (count >= 2) {
        const tinyseg_scale s0 = tinyseg_scale_of(multiplier[0]);
        const tinyseg_scale s1 = tinyseg_scale_of(multiplier[1]);
        a[0] = b[0] = bias[0];
        a[1] = b[1] = bias[1];
        w = two_channels(a, b, t->strip, t->end, w);
        const uint32_t four = tinyseg_requantize_4(a[0], a[1], b[0], b[1], s0, s1, s0, s1, &t->bounds);
        out[0] = (int8_t)(uint8_t)four;
        out[1] = (int8_t)(uint8_t)(four >> 8);
        out[t->step] = (int8_t)(uint8_t)(four >> 16);
        out[t->step + 1] = (int8_t)(uint8_t)(four >> 24);
        bias += 2;
        multiplier += 2;
        out += 2;
    }
    if ((count & 1) != 0) {
        const tinyseg_scale scale = tinyseg_scale_of(*multiplier);
        a[0] = b[0] = *bias;
        w = one_channel(a, b, t->strip, t->end, w);
        out[0] = tinyseg_requantize_1(a[0], scale, &p->output);
        out[t->step] = tinyseg_requantize_1(b[0], scale, &p->output);
    }
    return w;
}

/* The same of one pixel, the first of the two that are laid out. */
TINYSEG_INNER const uint32_t *one_pixel(
    const tinyseg_conv2d_dsp *p, const tile *t, const uint32_t *w, int32_t o, int32_t count, int8_t *out)
{
    const uint32_t *const end = t->end;
    const int32_t *bias = p->bias + o;
    const tinyseg_multiplier *multiplier = p->multiplier + o;
    out += o;
    for (; count >= 3; count -= 4, bias += 4, multiplier += 4, out += 4) {
        uint32_t four;
        int32_t a0 = bias[0];
        int32_t a1 = tinyseg_join(bias[0], bias[1]);
        int32_t a2 = bias[2];
        int32_t a3 = tinyseg_join(bias[2], bias[3]);
#if defined(__GNUC__)
#pragma GCC unroll 4
#endif
        for (const uint32_t *x = t->strip; x != end; x += 2, w += 2) {
            const uint32_t u = *x;
            a0 = tinyseg_dual_multiply(tinyseg_widen_even(w[0]), u, a0);
            a1 = tinyseg_dual_multiply(tinyseg_second(w[0]), u, a1);
            a2 = tinyseg_dual_multiply(tinyseg_widen_even(w[1]), u, a2);
            a3 = tinyseg_dual_multiply(tinyseg_second(w[1]), u, a3);
        }
        a1 = tinyseg_apart(a1, a0);
        a3 = tinyseg_apart(a3, a2);
        four = tinyseg_requantize_4(
            a0,
            a1,
            a2,
            a3,
            tinyseg_scale_of(multiplier[0]),
            tinyseg_scale_of(multiplier[1]),
            tinyseg_scale_of(multiplier[2]),
            tinyseg_scale_of(multiplier[3]),
            &t->bounds);
        if (count == 3) {
            for (int32_t k = 0; k < 3; ++k, four >>= 8) {
                out[k] = (int8_t)(uint8_t)four;
            }
            return w;
        }
        tinyseg_store_4(out, four);
    }
    if (count >= 2) {
        int32_t a[2];
        int32_t b[2] = {0, 0};
        a[0] = bias[0];
        a[1] = bias[1];
        w = two_channels(a, b, t->strip, end, w);
        out[0] = tinyseg_requantize_1(a[0], tinyseg_scale_of(multiplier[0]), &p->output);
        out[1] = tinyseg_requantize_1(a[1], tinyseg_scale_of(multiplier[1]), &p->output);
        bias += 2;
        multiplier += 2;
        out += 2;
    }
    if ((count & 1) != 0) {
        int32_t a = *bias;
        int32_t b = 0;
        w = one_channel(&a, &b, t->strip, end, w);
        out[0] = tinyseg_requantize_1(a, tinyseg_scale_of(*multiplier), &p->output);
    }
    return w;
}

void TINYSEG_CONV2D_DSP_LINE(const tinyseg_conv2d_dsp *p, const int8_t *const *lines, void *scratch, int8_t *out)
{
    uint32_t *const strip = scratch;
    const int32_t group_outputs = p->groups == 1u ? p->output_channels : p->output_channels / p->groups;
    const int32_t outputs = p->output_width;
    const int32_t reach = (p->kernel_width - 1) * p->dilation;
    int32_t column = -(int32_t)p->pad_left;
    int simple = p->groups == 1u && p->segment_taps == p->kernel_width;
    tile t;
    t.strip = strip;
    t.end = strip + 2 * (int32_t)p->pairs;
    t.entry = ENTRY(p->pairs);
    t.step = p->output_step;
    t.bounds = tinyseg_bounds_of(&p->output);
    for (int32_t i = 0; i < p->kernel_height * p->pieces; ++i) {
        simple = simple && lines[i] != NULL;
    }
    for (int32_t x = 0; x < outputs; x += 2, column += 2 * p->stride, out += 2 * p->output_step) {
        const int both = x + 1 < outputs;
        const int32_t step = both ? p->stride : 0;
        const uint32_t *w = p->weight;
        if (simple && column >= 0 && column + step + reach < p->input_width) {
            lay_out_inside(p, lines, column, step, strip);
            (void)(both ? two_pixels(p, &t, w, 0, group_outputs, out) : one_pixel(p, &t, w, 0, group_outputs, out));
            continue;
        }
        for (int32_t group = 0, o = 0; group < p->groups; ++group, o += group_outputs) {
            lay_out(p, lines, group, column, step, strip);
            w = both ? two_pixels(p, &t, w, o, group_outputs, out) : one_pixel(p, &t, w, o, group_outputs, out);
        }
    }
}
