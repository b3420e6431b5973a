/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels need of the compiler: optimisation that does not depend on the user's flags, and
 * float arithmetic in which every operation is rounded to float32.
 *
 * GCC: the kernels are compiled with -O2 without the first scheduling pass, which spills their
 * accumulators (measured: up to 1.5 times the instructions), and without fast-math and contraction,
 * whatever the command line says. Inner loops in assembler are written for its registers; other compilers build their
 * C twins, of the same bits (TINYSEG_NO_ASSEMBLER, which may be defined for any compiler). TINYSEG_ROUNDED(x) keeps a product from being fused with a
 * following addition by compilers that ignore these pragmas.
 */
#ifndef TINYSEG_PLATFORM_H
#define TINYSEG_PLATFORM_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2", "no-schedule-insns", "no-fast-math", "fp-contract=off")
#elif defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#ifndef TINYSEG_NO_ASSEMBLER
#define TINYSEG_NO_ASSEMBLER
#endif
#endif

#if defined(__GNUC__)
#define TINYSEG_INLINE static inline __attribute__((always_inline))
#define TINYSEG_INNER static __attribute__((noinline, unused)) /* an inner loop that deserves all registers */
#else
#define TINYSEG_INLINE static inline
#define TINYSEG_INNER static
#endif

#if defined(__GNUC__) && defined(__arm__) && defined(__ARM_FP)
#define TINYSEG_ROUNDED(x) __asm__("" : "+t"(x))
#elif defined(__GNUC__) && defined(__x86_64__)
#define TINYSEG_ROUNDED(x) __asm__("" : "+x"(x))
#elif defined(__GNUC__) && defined(__aarch64__)
#define TINYSEG_ROUNDED(x) __asm__("" : "+w"(x))
#elif defined(__GNUC__)
#define TINYSEG_ROUNDED(x) __asm__("" : "+r"(x))
#else
#define TINYSEG_ROUNDED(x) \
    do { \
        volatile float rounded_ = (x); \
        (x) = rounded_; \
    } while (0)
#endif

/* Four bytes at any address as a little endian word: one load or store where the core can. */
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && \
    (!defined(__arm__) || defined(__ARM_FEATURE_UNALIGNED))
TINYSEG_INLINE uint32_t tinyseg_load32(const uint8_t *from)
{
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

TINYSEG_INLINE void tinyseg_store32(uint8_t *to, uint32_t word)
{
    memcpy(to, &word, sizeof word);
}
#else
TINYSEG_INLINE uint32_t tinyseg_load32(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

TINYSEG_INLINE void tinyseg_store32(uint8_t *to, uint32_t word)
{
    to[0] = (uint8_t)word;
    to[1] = (uint8_t)(word >> 8);
    to[2] = (uint8_t)(word >> 16);
    to[3] = (uint8_t)(word >> 24);
}
#endif

/* Right shifts of negative numbers are arithmetic: true of every compiler for the targets here. */
typedef char tinyseg_needs_arithmetic_shift[((-3) >> 1) == -2 ? 1 : -1];

#endif
