/* SPDX-License-Identifier: Apache-2.0 */
/* The fused multiply-add in integers, for cores without the instruction.
 *
 * Product and addend are aligned in 64 bits; bits that fall out on the right are kept as one sticky bit, and the sum is
 * rounded once, half to even, subnormal results included. */
#include "tinyseg_fma_f32.h"

static int32_t leading_zeros(uint64_t x)
{
#if defined(__GNUC__)
    return __builtin_clzll(x);
#else
    int32_t count = 0;
    while ((x & ((uint64_t)1 << 63)) == 0u) {
        x <<= 1;
        ++count;
    }
    return count;
#endif
}

static uint64_t shifted_right(uint64_t x, int32_t by)
{
    if (by >= 64) {
        return x != 0u ? 1u : 0u;
    }
    return by <= 0 ? x : (x >> by) | ((x << (64 - by)) != 0u ? 1u : 0u);
}

/* A finite number other than 0 as significand * 2^exponent, the significand of exactly 24 bits. */
static uint32_t taken_apart(uint32_t bits, int32_t *exponent)
{
    const uint32_t fraction = bits & 0x7FFFFFu;
    const int32_t biased = (int32_t)(bits >> 23 & 0xFFu);
    if (biased != 0) {
        *exponent = biased - 150;
        return fraction | 0x800000u;
    }
    const int32_t shift = leading_zeros(fraction) - 40;
    *exponent = -149 - shift;
    return fraction << shift;
}

static float put_together(uint32_t sign, uint64_t sum, int32_t exponent)
{
    const int32_t shift = leading_zeros(sum);
    int32_t biased = exponent - shift + 63 + 127;
    uint32_t bits;
    float result;
    sum <<= shift; /* 1.xxx in 64 bits */
    if (biased < 1) {
        sum = shifted_right(sum, 1 - biased);
        biased = 1;
    }
    if (biased >= 255) {
        bits = 0x7F800000u;
    } else {
        const uint64_t rest = sum & 0xFFFFFFFFFFu;
        const uint64_t half = 0x8000000000u;
        bits = ((uint32_t)(biased - 1) << 23) + (uint32_t)(sum >> 40);
        bits += rest > half || (rest == half && (bits & 1u) != 0u) ? 1u : 0u;
    }
    bits |= sign;
    memcpy(&result, &bits, sizeof result);
    return result;
}

float tinyseg_fma_in_integers(float x, float y, float z)
{
    uint32_t a;
    uint32_t b;
    uint32_t c;
    int32_t ea;
    int32_t eb;
    int32_t ec;
    memcpy(&a, &x, sizeof a);
    memcpy(&b, &y, sizeof b);
    memcpy(&c, &z, sizeof c);
    const int finite = (a & 0x7F800000u) != 0x7F800000u && (b & 0x7F800000u) != 0x7F800000u &&
                       (c & 0x7F800000u) != 0x7F800000u;
    if (!finite || a << 1 == 0u || b << 1 == 0u) {
        float product = x * y;
        TINYSEG_ROUNDED(product);
        return product + z;
    }
    const uint32_t sign = (a ^ b) & 0x80000000u;
    uint64_t product = (uint64_t)taken_apart(a, &ea) * taken_apart(b, &eb) << 14;
    int32_t exponent = ea + eb - 14;
    if (c << 1 == 0u) {
        return put_together(sign, product, exponent);
    }
    uint64_t addend = (uint64_t)taken_apart(c, &ec) << 38;
    ec -= 38;
    if (exponent >= ec) {
        addend = shifted_right(addend, exponent - ec);
    } else {
        product = shifted_right(product, ec - exponent);
        exponent = ec;
    }
    if ((c & 0x80000000u) == sign) {
        return put_together(sign, product + addend, exponent);
    }
    if (product == addend) {
        return 0.0f;
    }
    return product > addend ? put_together(sign, product - addend, exponent)
                            : put_together(sign ^ 0x80000000u, addend - product, exponent);
}
