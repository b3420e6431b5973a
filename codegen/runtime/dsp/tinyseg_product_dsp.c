/* SPDX-License-Identifier: Apache-2.0 */
/* Products for cores with the DSP extension. */
#include "tinyseg_product_dsp.h"

#include "tinyseg_dsp.h"

/* (x * y.low >> 16) + sum */
TINYSEG_INLINE int32_t wide_times_low(int32_t x, uint32_t y, int32_t sum)
{
#if TINYSEG_DSP
    int32_t result;
    __asm__("smlawb %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(sum));
    return result;
#else
    return (int32_t)((int64_t)x * tinyseg_low(y) >> 16) + sum;
#endif
}

/* (x * y.high >> 16) + sum */
TINYSEG_INLINE int32_t wide_times_high(int32_t x, uint32_t y, int32_t sum)
{
#if TINYSEG_DSP
    int32_t result;
    __asm__("smlawt %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(sum));
    return result;
#else
    return wide_times_low(x, y >> 16, sum);
#endif
}

TINYSEG_INLINE int32_t saturate_8(int32_t value)
{
#if TINYSEG_DSP
    int32_t result;
    __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(value));
    return result;
#else
    return value < -128 ? -128 : value > 127 ? 127 : value;
#endif
}

/* The factor times byte n of b without its zero point. */
#define SCALED(n) ((int32_t)((uint32_t)factor * (uint32_t)(int8_t)(uint8_t)(y >> (8 * (n))) + base))

/* `quads` times four elements. */
TINYSEG_INLINE void products(
    const tinyseg_narrow_product *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t quads, const int clamped)
{
    const int32_t factor = p->factor;
    const uint32_t base = (uint32_t)(-p->factor * p->b_zero_point);
    const int32_t offset = p->offset;
    const int32_t shift = p->shift;
    const uint32_t zero_points = tinyseg_halves(-p->a_zero_point, -p->a_zero_point);
    const uint32_t minimum = ((uint32_t)p->minimum & 0xFFu) * 0x01010101u;
    const uint32_t maximum = ((uint32_t)p->maximum & 0xFFu) * 0x01010101u;
    const int8_t *const end = a + 4 * quads;
    for (; a != end; a += 4, b += 4, out += 4) {
        const uint32_t x = tinyseg_load_4(a);
        const uint32_t y = tinyseg_load_4(b);
        const uint32_t even = tinyseg_even_plus(zero_points, x);
        const uint32_t odd = tinyseg_odd_plus(zero_points, x);
        const int32_t s = saturate_8(wide_times_low(SCALED(0), even, offset) >> shift);
        const int32_t t = saturate_8(wide_times_low(SCALED(1), odd, offset) >> shift);
        const int32_t u = saturate_8(wide_times_high(SCALED(2), even, offset) >> shift);
        const int32_t v = saturate_8(wide_times_high(SCALED(3), odd, offset) >> shift);
        uint32_t four = tinyseg_pack_4(s, t, u, v);
        if (clamped) {
            four = tinyseg_min_4(tinyseg_max_4(four, minimum), maximum);
        }
        tinyseg_store_4(out, four);
    }
}

TINYSEG_INNER void clamped_products(
    const tinyseg_narrow_product *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t quads)
{
    products(p, a, b, out, quads, 1);
}

TINYSEG_INNER void free_products(
    const tinyseg_narrow_product *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t quads)
{
    products(p, a, b, out, quads, 0);
}

void tinyseg_product_dsp_line(
    const tinyseg_narrow_product *p, const int8_t *a, const int8_t *b, int8_t *out, uint32_t elements)
{
    const int clamped = p->minimum != -128 || p->maximum != 127;
    while (elements > 0u) {
        const uint32_t n = elements < p->period ? elements : p->period;
        if (clamped) {
            clamped_products(p, a, b, out, n >> 2);
        } else {
            free_products(p, a, b, out, n >> 2);
        }
        for (uint32_t i = n & ~3u; i < n; ++i) {
            out[i] = tinyseg_narrow_product_1(p, a[i], b[i]);
        }
        a += n;
        out += n;
        elements -= n;
    }
}
