/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of two channels in one word, for dual 16 bit multiplications that take it as it is (TINYSEG_JOINED).
 *
 * A half of a word is 256 * second + first, as a 16 bit number: times a value it adds 256 times the second channel's
 * product and the first channel's. The first channel's own sum needs its bytes widened; the second's is the difference
 * of the two, divided by 256. Sums are modulo 2^32, so this is exact where the second channel's result lies within
 * +-2^23, which the code generator proves from the weights; it also sees that each half fits 16 bits. Else (without
 * TINYSEG_JOINED) the two channels' bytes lie side by side and are widened both. */
#ifndef TINYSEG_JOINED_H
#define TINYSEG_JOINED_H

#include "tinyseg_dsp.h"

#if TINYSEG_JOINED
/* The second channel's sum to begin with, from the biases of both. */
TINYSEG_INLINE int32_t tinyseg_join(int32_t first, int32_t second)
{
    return (int32_t)((uint32_t)first + ((uint32_t)second << 8));
}

/* The second channel's sum in the end. */
TINYSEG_INLINE int32_t tinyseg_apart(int32_t joined, int32_t first)
{
    return (int32_t)((uint32_t)joined - (uint32_t)first) >> 8;
}

/* What the second channel's sum multiplies by. */
TINYSEG_INLINE uint32_t tinyseg_second(uint32_t word)
{
    return word;
}
#else
TINYSEG_INLINE int32_t tinyseg_join(int32_t first, int32_t second)
{
    (void)first;
    return second;
}

TINYSEG_INLINE int32_t tinyseg_apart(int32_t joined, int32_t first)
{
    (void)first;
    return joined;
}

TINYSEG_INLINE uint32_t tinyseg_second(uint32_t word)
{
    return tinyseg_widen_odd(word);
}
#endif

#endif
