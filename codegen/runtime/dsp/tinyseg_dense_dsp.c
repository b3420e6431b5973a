/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer for cores with the DSP extension. */
#include "tinyseg_dense_dsp.h"

#include "tinyseg_scale.h"

#if TINYSEG_DSP_ASSEMBLER
#define ONE_CHANNEL(sum) \
    "ldr %[s], [%[w]], #4\n\t" \
    "sxtb16 %[t], %[s]\n\t" \
    "smlad %[" #sum "], %[t], %[even], %[" #sum "]\n\t" \
    "sxtb16 %[s], %[s], ror #8\n\t" \
    "smlad %[" #sum "], %[s], %[odd], %[" #sum "]\n\t"
#define EIGHT_MORE ONE_CHANNEL(a4) ONE_CHANNEL(a5) ONE_CHANNEL(a6) ONE_CHANNEL(a7)
/* Four elements of four channels. */
#define ELEMENTS \
    "ldr %[even], [%[x]], #4\n\t" \
    "sxtb16 %[odd], %[even], ror #8\n\t" \
    "sxtb16 %[even], %[even]\n\t" ONE_CHANNEL(a0) ONE_CHANNEL(a1) ONE_CHANNEL(a2) ONE_CHANNEL(a3)
#endif

/* Adds the products of `n` elements (a multiple of four) to eight sums. */
TINYSEG_INNER void eight_sums(int32_t *sums, const int8_t *x, int32_t n, const uint32_t *w)
{
#if TINYSEG_DSP_ASSEMBLER
    const int8_t *volatile end = x + n; /* in memory: the loop takes all registers */
    int32_t a0 = sums[0];
    int32_t a1 = sums[1];
    int32_t a2 = sums[2];
    int32_t a3 = sums[3];
    int32_t a4 = sums[4];
    int32_t a5 = sums[5];
    int32_t a6 = sums[6];
    int32_t a7 = sums[7];
    uint32_t even, odd, s, t;
    if ((n & 4) != 0) {
        __asm__ volatile(ELEMENTS EIGHT_MORE
                         : [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3), [a4] "+r"(a4), [a5] "+r"(a5),
                           [a6] "+r"(a6), [a7] "+r"(a7), [x] "+r"(x), [w] "+r"(w), [even] "=&r"(even), [odd] "=&r"(odd),
                           [s] "=&r"(s), [t] "=&r"(t)
                         :
                         : "memory");
    }
    if (n >= 8) {
        __asm__ volatile("1:\n\t" ELEMENTS EIGHT_MORE ELEMENTS EIGHT_MORE "ldr %[t], %[end]\n\t"
                         "cmp %[x], %[t]\n\t"
                         "bne.w 1b"
                         : [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3), [a4] "+r"(a4), [a5] "+r"(a5),
                           [a6] "+r"(a6), [a7] "+r"(a7), [x] "+r"(x), [w] "+r"(w), [even] "=&r"(even), [odd] "=&r"(odd),
                           [s] "=&r"(s), [t] "=&r"(t)
                         : [end] "m"(end)
                         : "cc", "memory");
    }
    sums[0] = a0;
    sums[1] = a1;
    sums[2] = a2;
    sums[3] = a3;
    sums[4] = a4;
    sums[5] = a5;
    sums[6] = a6;
    sums[7] = a7;
#else
    for (; n > 0; n -= 4, x += 4, w += 8) {
        const uint32_t word = tinyseg_load_4(x);
        const uint32_t u = tinyseg_widen_even(word);
        const uint32_t v = tinyseg_widen_odd(word);
        for (int32_t k = 0; k < 8; ++k) {
            sums[k] = tinyseg_dual_multiply(u, tinyseg_widen_even(w[k]), sums[k]);
            sums[k] = tinyseg_dual_multiply(v, tinyseg_widen_odd(w[k]), sums[k]);
        }
    }
#endif
}

/* Adds the products of `n` elements (a multiple of four) to four sums. Returns the weights that follow. */
TINYSEG_INNER const uint32_t *four_sums(int32_t *sums, const int8_t *x, int32_t n, const uint32_t *w)
{
    int32_t a0 = sums[0];
    int32_t a1 = sums[1];
    int32_t a2 = sums[2];
    int32_t a3 = sums[3];
#if TINYSEG_DSP_ASSEMBLER
    uint32_t even, odd, s, t;
    int32_t blocks = n >> 4;
    if (blocks > 0) {
        __asm__ volatile("1:\n\t" ELEMENTS ELEMENTS ELEMENTS "subs %[blocks], %[blocks], #1\n\t" ELEMENTS "bne 1b"
                         : [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3), [x] "+r"(x), [w] "+r"(w),
                           [blocks] "+r"(blocks), [even] "=&r"(even), [odd] "=&r"(odd), [s] "=&r"(s), [t] "=&r"(t)
                         :
                         : "cc", "memory");
    }
    n &= 15;
#endif
    for (; n > 0; n -= 4, x += 4, w += 4) {
        const uint32_t word = tinyseg_load_4(x);
        const uint32_t u = tinyseg_widen_even(word);
        const uint32_t v = tinyseg_widen_odd(word);
        a0 = tinyseg_dual_multiply(u, tinyseg_widen_even(w[0]), a0);
        a0 = tinyseg_dual_multiply(v, tinyseg_widen_odd(w[0]), a0);
        a1 = tinyseg_dual_multiply(u, tinyseg_widen_even(w[1]), a1);
        a1 = tinyseg_dual_multiply(v, tinyseg_widen_odd(w[1]), a1);
        a2 = tinyseg_dual_multiply(u, tinyseg_widen_even(w[2]), a2);
        a2 = tinyseg_dual_multiply(v, tinyseg_widen_odd(w[2]), a2);
        a3 = tinyseg_dual_multiply(u, tinyseg_widen_even(w[3]), a3);
        a3 = tinyseg_dual_multiply(v, tinyseg_widen_odd(w[3]), a3);
    }
    sums[0] = a0;
    sums[1] = a1;
    sums[2] = a2;
    sums[3] = a3;
    return w;
}

void tinyseg_dense_dsp_line(
    const tinyseg_dense_dsp *p, uint32_t index, const int8_t *line, int32_t *sums, int8_t *out)
{
    const int32_t outputs = p->output_channels;
    const int32_t whole = (int32_t)(p->line_elements & ~3u);
    const int32_t rest = (int32_t)(p->line_elements & 3u);
    const int32_t quads = (int32_t)((p->line_elements + 3u) / 4u);
    const int32_t over = outputs & 7;
    const size_t filled = (size_t)(outputs - over + (over == 0 ? 0 : over <= 4 ? 4 : 8));
    const uint32_t *w = p->weight + (size_t)index * (size_t)quads * filled;
    const tinyseg_bounds bounds = tinyseg_bounds_of(&p->output);
    const int last = index + 1u == p->lines;
    int8_t tail[4] = {0, 0, 0, 0};
    for (int32_t k = 0; k < rest; ++k) {
        tail[k] = line[whole + k];
    }
    for (int32_t o = 0; o < outputs;) {
        const int32_t block = outputs - o > 4 ? 8 : 4;
        const int32_t count = outputs - o < block ? outputs - o : block;
        int32_t a[8];
        if (index == 0u) {
            memcpy(a, p->bias + o, sizeof(int32_t) * (size_t)block);
        } else {
            memcpy(a, sums + o, sizeof(int32_t) * (size_t)count);
            memset(a + count, 0, sizeof(int32_t) * (size_t)(8 - count));
        }
        if (block == 8) {
            eight_sums(a, line, whole, w);
            if (rest != 0) {
                eight_sums(a, tail, 4, w + 2 * whole);
            }
        } else {
            (void)four_sums(a, line, whole, w);
            if (rest != 0) {
                (void)four_sums(a, tail, 4, w + whole);
            }
        }
        w += quads * block;
        if (!last) {
            memcpy(sums + o, a, sizeof(int32_t) * (size_t)count);
            o += count;
            continue;
        }
        for (int32_t k = 0; k < count; k += 4) {
            const tinyseg_multiplier *const m = p->multiplier + o + k;
            uint32_t four = tinyseg_requantize_4(
                a[k],
                a[k + 1],
                a[k + 2],
                a[k + 3],
                tinyseg_scale_of(m[0]),
                tinyseg_scale_of(m[1]),
                tinyseg_scale_of(m[2]),
                tinyseg_scale_of(m[3]),
                &bounds);
            if (count - k >= 4) {
                tinyseg_store_4(out + o + k, four);
                continue;
            }
            for (int32_t i = k; i < count; ++i, four >>= 8) {
                out[o + i] = (int8_t)(uint8_t)four;
            }
        }
        o += count;
    }
}
