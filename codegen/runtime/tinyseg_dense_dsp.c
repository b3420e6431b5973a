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
/* Four elements of four channels. */
#define ELEMENTS \
    "ldr %[even], [%[x]], #4\n\t" \
    "sxtb16 %[odd], %[even], ror #8\n\t" \
    "sxtb16 %[even], %[even]\n\t" ONE_CHANNEL(a0) ONE_CHANNEL(a1) ONE_CHANNEL(a2) ONE_CHANNEL(a3)
#endif

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
    const uint32_t line_words = ((p->line_elements + 3u) / 4u) * 4u * (((uint32_t)outputs + 3u) / 4u);
    const uint32_t *w = p->weight + (size_t)index * line_words;
    const tinyseg_bounds bounds = tinyseg_bounds_of(&p->output);
    const int last = index + 1u == p->lines;
    int8_t tail[4] = {0, 0, 0, 0};
    for (int32_t k = 0; k < rest; ++k) {
        tail[k] = line[whole + k];
    }
    for (int32_t o = 0; o < outputs; o += 4) {
        const int32_t count = outputs - o < 4 ? outputs - o : 4;
        const int32_t *const from = index == 0u ? p->bias : sums;
        int32_t a[4];
        for (int32_t k = 0; k < 4; ++k) {
            a[k] = k < count ? from[o + k] : 0;
        }
        w = four_sums(a, line, whole, w);
        if (rest != 0) {
            w = four_sums(a, tail, 4, w);
        }
        if (!last) {
            for (int32_t k = 0; k < count; ++k) {
                sums[o + k] = a[k];
            }
            continue;
        }
        uint32_t four = tinyseg_requantize_4(
            a[0],
            a[1],
            a[2],
            a[3],
            tinyseg_scale_of(p->multiplier[o]),
            tinyseg_scale_of(p->multiplier[o + 1]),
            tinyseg_scale_of(p->multiplier[o + 2]),
            tinyseg_scale_of(p->multiplier[o + 3]),
            &bounds);
        for (int32_t k = 0; k < count; ++k, four >>= 8) {
            out[o + k] = (int8_t)(uint8_t)four;
        }
    }
}
