/* SPDX-License-Identifier: Apache-2.0 */
/* The instructions of the DSP extension that the kernels use, and what they mean in C for compilers and cores without
 * them (the results are the same, so that kernels are tested on any computer).
 *
 * TINYSEG_NO_ASSEMBLER builds inner loops from their C twins. */
#ifndef TINYSEG_DSP_H
#define TINYSEG_DSP_H

#include "tinyseg_platform.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("omit-frame-pointer") /* inner loops use every register */
#endif

#if defined(__ARM_FEATURE_DSP) && (__ARM_FEATURE_DSP == 1) && defined(__GNUC__)
#define TINYSEG_DSP 1
#include <arm_acle.h>
#else
#define TINYSEG_DSP 0
#endif

#if TINYSEG_DSP && defined(__thumb2__) && !defined(TINYSEG_NO_ASSEMBLER)
#define TINYSEG_DSP_ASSEMBLER 1
#else
#define TINYSEG_DSP_ASSEMBLER 0
#endif

/* Four bytes from any address; the first becomes the lowest. */
TINYSEG_INLINE uint32_t tinyseg_load_4(const int8_t *from)
{
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

TINYSEG_INLINE void tinyseg_store_4(int8_t *to, uint32_t word)
{
    memcpy(to, &word, sizeof word);
}

/* Two neighbouring values, the first in the low half. */
TINYSEG_INLINE uint32_t tinyseg_load_pair(const int16_t *from)
{
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* Two values in the halves of a word. */
TINYSEG_INLINE uint32_t tinyseg_halves(int32_t low, int32_t high)
{
    return ((uint32_t)low & 0xFFFFu) | ((uint32_t)high << 16);
}

#if !TINYSEG_DSP
TINYSEG_INLINE int32_t tinyseg_low(uint32_t word)
{
    return (int16_t)(uint16_t)word;
}

TINYSEG_INLINE int32_t tinyseg_high(uint32_t word)
{
    return (int16_t)(uint16_t)(word >> 16);
}

/* One byte of a word as a signed number. */
TINYSEG_INLINE int32_t tinyseg_byte(uint32_t word, int32_t index)
{
    return (int8_t)(uint8_t)(word >> (8 * index));
}
#endif

/* Bytes 0 and 2 as halves. */
TINYSEG_INLINE uint32_t tinyseg_widen_even(uint32_t word)
{
#if TINYSEG_DSP
    uint32_t result;
    __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(word));
    return result;
#else
    return tinyseg_halves(tinyseg_byte(word, 0), tinyseg_byte(word, 2));
#endif
}

/* Bytes 1 and 3 as halves. */
TINYSEG_INLINE uint32_t tinyseg_widen_odd(uint32_t word)
{
#if TINYSEG_DSP
    uint32_t result;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(word));
    return result;
#else
    return tinyseg_halves(tinyseg_byte(word, 1), tinyseg_byte(word, 3));
#endif
}

/* Bytes 0 and 2 plus numbers in the halves of a word. */
TINYSEG_INLINE uint32_t tinyseg_even_plus(uint32_t halves, uint32_t word)
{
#if TINYSEG_DSP
    uint32_t result;
    __asm__("sxtab16 %0, %1, %2" : "=r"(result) : "r"(halves), "r"(word));
    return result;
#else
    return tinyseg_halves(tinyseg_low(halves) + tinyseg_byte(word, 0), tinyseg_high(halves) + tinyseg_byte(word, 2));
#endif
}

/* Bytes 1 and 3 plus numbers in the halves of a word. */
TINYSEG_INLINE uint32_t tinyseg_odd_plus(uint32_t halves, uint32_t word)
{
#if TINYSEG_DSP
    uint32_t result;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(result) : "r"(halves), "r"(word));
    return result;
#else
    return tinyseg_even_plus(halves, word >> 8);
#endif
}

/* sum + x.low * y.low + x.high * y.high, modulo 2^32. */
TINYSEG_INLINE int32_t tinyseg_dual_multiply(uint32_t x, uint32_t y, int32_t sum)
{
#if TINYSEG_DSP
    int32_t result;
    __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(sum)); /* not __smlad, which writes the Q flag */
    return result;
#else
    const uint32_t low = (uint32_t)(tinyseg_low(x) * tinyseg_low(y));
    const uint32_t high = (uint32_t)tinyseg_high(x) * (uint32_t)tinyseg_high(y);
    return (int32_t)((uint32_t)sum + low + high);
#endif
}

/* sum + x.low * y.low, modulo 2^32. */
TINYSEG_INLINE int32_t tinyseg_multiply_low(uint32_t x, uint32_t y, int32_t sum)
{
#if TINYSEG_DSP
    int32_t result;
    __asm__("smlabb %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(sum));
    return result;
#else
    return (int32_t)((uint32_t)sum + (uint32_t)(tinyseg_low(x) * tinyseg_low(y)));
#endif
}

/* sum + x.high * y.high, modulo 2^32. */
TINYSEG_INLINE int32_t tinyseg_multiply_high(uint32_t x, uint32_t y, int32_t sum)
{
#if TINYSEG_DSP
    int32_t result;
    __asm__("smlatt %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(sum));
    return result;
#else
    return (int32_t)((uint32_t)sum + (uint32_t)(tinyseg_high(x) * tinyseg_high(y)));
#endif
}

/* x + y, to int32 and then to int8 saturated. */
TINYSEG_INLINE int32_t tinyseg_add_saturate_8(int32_t x, int32_t y)
{
#if TINYSEG_DSP
    int32_t result;
    __asm__("qadd %0, %1, %2\n\tssat %0, #8, %0" : "=r"(result) : "r"(x), "r"(y));
    return result;
#else
    const int64_t sum = (int64_t)x + y;
    return sum < -128 ? -128 : sum > 127 ? 127 : (int32_t)sum;
#endif
}

/* The larger of each of four signed bytes. */
TINYSEG_INLINE uint32_t tinyseg_max_4(uint32_t x, uint32_t y)
{
#if TINYSEG_DSP
    uint32_t result;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(x), "r"(y) : "cc");
    return result;
#else
    uint32_t result = 0;
    for (int32_t i = 0; i < 4; ++i) {
        const int32_t a = tinyseg_byte(x, i);
        const int32_t b = tinyseg_byte(y, i);
        result |= (uint32_t)((a > b ? a : b) & 0xFF) << (8 * i);
    }
    return result;
#endif
}

/* The smaller of each of four signed bytes. */
TINYSEG_INLINE uint32_t tinyseg_min_4(uint32_t x, uint32_t y)
{
#if TINYSEG_DSP
    uint32_t result;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(result) : "r"(x), "r"(y) : "cc");
    return result;
#else
    uint32_t result = 0;
    for (int32_t i = 0; i < 4; ++i) {
        const int32_t a = tinyseg_byte(x, i);
        const int32_t b = tinyseg_byte(y, i);
        result |= (uint32_t)((a < b ? a : b) & 0xFF) << (8 * i);
    }
    return result;
#endif
}

/* The low bytes of four numbers, the first lowest. */
TINYSEG_INLINE uint32_t tinyseg_pack_4(int32_t a, int32_t b, int32_t c, int32_t d)
{
#if TINYSEG_DSP
    uint32_t result = (uint32_t)a;
    __asm__("bfi %0, %1, #8, #8\n\tbfi %0, %2, #16, #8\n\tbfi %0, %3, #24, #8"
            : "+&r"(result)
            : "r"(b), "r"(c), "r"(d));
    return result;
#else
    return ((uint32_t)a & 0xFFu) | (((uint32_t)b & 0xFFu) << 8) | (((uint32_t)c & 0xFFu) << 16) | ((uint32_t)d << 24);
#endif
}

#endif
