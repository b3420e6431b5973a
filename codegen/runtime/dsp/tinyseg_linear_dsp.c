/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and differences for cores with the DSP extension. */
#include "tinyseg_linear_dsp.h"

#include "tinyseg_dsp.h"

/* (sum >> shift) saturated to int8, for a shift known to the compiler: one instruction. */
TINYSEG_INLINE int32_t shift_saturate(int32_t sum, const int32_t shift)
{
#if TINYSEG_DSP
    int32_t result;
    __asm__("ssat %0, #8, %1, asr %2" : "=r"(result) : "r"(sum), "i"(shift));
    return result;
#else
    const int32_t result = sum >> shift;
    return result < -128 ? -128 : result > 127 ? 127 : result;
#endif
}

/* One byte of each of two words. */
#define ELEMENT(n) \
    shift_saturate( \
        a_factor * (int8_t)(uint8_t)(x >> (8 * (n))) + (b_factor * (int8_t)(uint8_t)(y >> (8 * (n))) + offset), shift)

TINYSEG_INLINE void linear(
    const tinyseg_linear *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t elements, const int32_t shift)
{
    const int32_t a_factor = p->a_factor;
    const int32_t b_factor = p->b_factor;
    const int32_t offset = p->offset;
    const int8_t *const end = a + (elements & ~3u);
    if (p->minimum == -128 && p->maximum == 127) {
        for (; a != end; a += 4, b += 4, out += 4) {
            const uint32_t x = tinyseg_load_4(a);
            const uint32_t y = tinyseg_load_4(b);
            tinyseg_store_4(out, tinyseg_pack_4(ELEMENT(0), ELEMENT(1), ELEMENT(2), ELEMENT(3)));
        }
    } else {
        const uint32_t minimum = ((uint32_t)p->minimum & 0xFFu) * 0x01010101u;
        const uint32_t maximum = ((uint32_t)p->maximum & 0xFFu) * 0x01010101u;
        for (; a != end; a += 4, b += 4, out += 4) {
            const uint32_t x = tinyseg_load_4(a);
            const uint32_t y = tinyseg_load_4(b);
            const uint32_t four = tinyseg_pack_4(ELEMENT(0), ELEMENT(1), ELEMENT(2), ELEMENT(3));
            tinyseg_store_4(out, tinyseg_min_4(tinyseg_max_4(four, minimum), maximum));
        }
    }
}

/* Whole words of `n` elements. */
static void whole_words(const tinyseg_linear *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t n)
{
    switch (p->shift) {
    case 18:
        linear(p, a, b, out, n, 18);
        break;
    case 19:
        linear(p, a, b, out, n, 19);
        break;
    case 20:
        linear(p, a, b, out, n, 20);
        break;
    case 21:
        linear(p, a, b, out, n, 21);
        break;
    case 22:
        linear(p, a, b, out, n, 22);
        break;
    case 23:
        linear(p, a, b, out, n, 23);
        break;
    default:
        linear(p, a, b, out, n, 24);
        break;
    }
}

void tinyseg_linear_dsp_line(
    const tinyseg_linear *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t elements)
{
    while (elements > 0u) {
        const uint32_t n = elements < p->period ? elements : p->period;
        whole_words(p, a, b, out, n);
        for (uint32_t i = n & ~3u; i < n; ++i) {
            out[i] = tinyseg_linear_1(p, a[i], b[i]);
        }
        a += n;
        out += n;
        elements -= n;
    }
}
