/* SPDX-License-Identifier: Apache-2.0 */
/* Elementary functions of float32 in fixed sequences of operations. The exponential function's coefficients are those of
 * S. L. Moshier, Cephes Mathematical Library. */
#include "tinyseg_functions_f32.h"

#define INFINITE tinyseg_from_bits(0x7F800000u)
#define UNDEFINED tinyseg_from_bits(0x7FC00000u)

/* Horner's scheme by fused multiply-adds, the coefficient of the highest power first. */
TINYSEG_INLINE float polynomial(const float *coefficients, int32_t n, float x)
{
    float y = coefficients[0];
    for (int32_t i = 1; i < n; ++i) {
        y = tinyseg_fma(y, x, coefficients[i]);
    }
    return y;
}

#define POLYNOMIAL(coefficients, x) \
    polynomial((coefficients), (int32_t)(sizeof(coefficients) / sizeof(coefficients)[0]), (x))

TINYSEG_INLINE float power_of_two(int32_t exponent)
{
    return tinyseg_from_bits((uint32_t)(exponent + 127) << 23);
}

float tinyseg_exponential_f32(float x)
{
    const float rounding = 12582912.0f; /* 1.5 * 2^23: adding and subtracting it rounds to an integer */
    float n;
    float r;
    float y;
    int32_t whole;
    if (!(x >= -87.0f)) {
        return 0.0f;
    }
    if (x > 88.72283f) {
        return INFINITE;
    }
    n = tinyseg_product_f32(x, 1.44269504088896341f);
    n += rounding;
    TINYSEG_ROUNDED(n);
    n -= rounding;
    r = tinyseg_fma(n, -0.693359375f, x);
    r = tinyseg_fma(n, 2.12194440e-4f, r);
    y = 1.9875691500e-4f;
    y = tinyseg_fma(y, r, 1.3981999507e-3f);
    y = tinyseg_fma(y, r, 8.3334519073e-3f);
    y = tinyseg_fma(y, r, 4.1665795894e-2f);
    y = tinyseg_fma(y, r, 1.6666665459e-1f);
    y = tinyseg_fma(y, r, 5.0000001201e-1f);
    y = tinyseg_fma(y, tinyseg_product_f32(r, r), r);
    y += 1.0f;
    whole = (int32_t)n;
    y = tinyseg_product_f32(y, power_of_two(whole >> 1));
    return y * power_of_two(whole - (whole >> 1));
}

float tinyseg_logarithm_f32(float x)
{
    static const float p[] = {0.067483089864254f, -0.11677876859903336f, 0.11888645589351654f, -0.12405279278755188f,
        0.14219450950622559f, -0.16668008267879486f, 0.20002123713493347f, -0.25000008940696716f, 0.3333331346511841f};
    int32_t exponent = 0;
    if (x < 0.0f || x != x) {
        return UNDEFINED;
    }
    if (x == 0.0f) {
        return -INFINITE;
    }
    if (tinyseg_to_bits(x) == 0x7F800000u) {
        return x;
    }
    if (x < 1.1754944e-38f) {
        x *= 8388608.0f;
        exponent = -23;
    }
    const int32_t bits = (int32_t)tinyseg_to_bits(x);
    const int32_t shift = (bits - 0x3F3504F3) >> 23;
    const float f = tinyseg_from_bits((uint32_t)bits - ((uint32_t)shift << 23)) - 1.0f;
    const float e = (float)(exponent + shift);
    const float square = tinyseg_product_f32(f, f);
    float y = tinyseg_product_f32(tinyseg_product_f32(square, f), POLYNOMIAL(p, f));
    y = tinyseg_fma(e, -2.12194440e-4f, y);
    y = tinyseg_fma(square, -0.5f, y);
    return tinyseg_fma(e, 0.693359375f, f + y);
}

float tinyseg_sigmoid_f32(float x)
{
    const float z = tinyseg_exponential_f32(-tinyseg_magnitude_f32(x));
    return (x < 0.0f ? z : 1.0f) / (1.0f + z);
}

float tinyseg_tanh_f32(float x)
{
    static const float p[] = {0.002275908598676324f, -0.008329605683684349f, 0.021764755249023438f,
        -0.05395878478884697f, 0.1333330124616623f, -0.3333333432674408f};
    const float magnitude = tinyseg_magnitude_f32(x);
    const float square = tinyseg_product_f32(x, x);
    if (square < 0.4f) {
        return tinyseg_fma(tinyseg_product_f32(x, square), POLYNOMIAL(p, square), x);
    }
    const float far = 1.0f - 2.0f / (tinyseg_exponential_f32(magnitude + magnitude) + 1.0f);
    return x < 0.0f ? -far : far;
}

float tinyseg_erf_f32(float x)
{
    static const float near[] = {7.889119297033176e-05f, -0.0008020841050893068f, 0.005189535208046436f,
        -0.026854444295167923f, 0.11283600330352783f, -0.3761262595653534f, 1.1283791065216064f};
    static const float far[] = {2.1686850232072175e-05f, -0.00044133636401966214f, 0.004204561933875084f,
        -0.025208257138729095f, 0.10841857641935349f, 0.6332198977470398f, 1.1295784711837769f,
        -0.0001880402269307524f};
    float magnitude = tinyseg_magnitude_f32(x);
    if (magnitude < 1.0f) {
        return x * POLYNOMIAL(near, tinyseg_product_f32(x, x));
    }
    magnitude = magnitude < 4.0f ? magnitude : 4.0f;
    const float y = 1.0f - tinyseg_exponential_f32(-POLYNOMIAL(far, magnitude));
    return x < 0.0f ? -y : y;
}

/* sin(x + quarter * pi / 2): `r` is what is left of `x` beside `n` times pi / 2. */
TINYSEG_INNER float wave(float x, int32_t quarter)
{
    static const float sines[] = {-0.00019585494010243565f, 0.008332737721502781f, -0.166666641831398f};
    static const float cosines[] = {2.4545519409002736e-05f, -0.0013888292014598846f, 0.0416666641831398f};
    const float whole = tinyseg_rounded_f32(tinyseg_product_f32(x, 0.63661977236758134f));
    float r = tinyseg_fma(whole, -1.5707963705062866f, x);
    r = tinyseg_fma(whole, 4.371138828673793e-08f, r);
    r = tinyseg_fma(whole, 1.7151245100058819e-15f, r);
    int32_t n = quarter;
    if (tinyseg_magnitude_f32(whole) < 8388608.0f) {
        n += (int32_t)whole;
    } else { /* there is no telling the angle */
        r = 0.0f;
    }
    const float square = tinyseg_product_f32(r, r);
    float y;
    if ((n & 1) != 0) {
        y = tinyseg_fma(square, -0.5f, 1.0f);
        y = tinyseg_fma(tinyseg_product_f32(square, square), POLYNOMIAL(cosines, square), y);
    } else {
        y = tinyseg_fma(tinyseg_product_f32(r, square), POLYNOMIAL(sines, square), r);
    }
    return (n & 2) != 0 ? -y : y;
}

float tinyseg_sine_f32(float x)
{
    return wave(x, 0);
}

float tinyseg_cosine_f32(float x)
{
    return wave(x, 1);
}

float tinyseg_arctangent_f32(float x)
{
    static const float p[] = {-0.06446168571710587f, 0.10742652416229248f, -0.1426393687725067f, 0.19999542832374573f,
        -0.3333333134651184f};
    const float magnitude = tinyseg_magnitude_f32(x);
    float base = 0.0f;
    float t = magnitude;
    if (magnitude > 2.4142135623730949f) {
        base = 1.5707963705062866f;
        t = -1.0f / magnitude;
    } else if (magnitude > 0.41421356237309503f) {
        base = 0.78539818525314331f;
        t = (magnitude - 1.0f) / (magnitude + 1.0f);
    }
    const float square = tinyseg_product_f32(t, t);
    const float y = base + tinyseg_fma(tinyseg_product_f32(t, square), POLYNOMIAL(p, square), t);
    return x < 0.0f ? -y : y;
}

float tinyseg_power_f32(float x, float y)
{
    if (y == 0.0f || x == 1.0f) {
        return 1.0f;
    }
    const float exponent = tinyseg_product_f32(y, tinyseg_logarithm_f32(tinyseg_magnitude_f32(x)));
    const float magnitude = tinyseg_exponential_f32(exponent);
    if (!(x < 0.0f)) {
        return magnitude;
    }
    if (tinyseg_rounded_f32(y) != y) {
        return UNDEFINED;
    }
    const float half = y * 0.5f;
    return tinyseg_rounded_f32(half) != half ? -magnitude : magnitude;
}

float tinyseg_square_root_in_integers(float x)
{
    uint32_t bits = tinyseg_to_bits(x);
    if (x == 0.0f || bits == 0x7F800000u) {
        return x;
    }
    if (x < 0.0f || x != x) {
        return UNDEFINED;
    }
    int32_t exponent = (int32_t)(bits >> 23);
    uint32_t significand = bits & 0x7FFFFFu;
    if (exponent == 0) {
        exponent = 1;
        while (significand < 0x800000u) {
            significand <<= 1;
            --exponent;
        }
    } else {
        significand |= 0x800000u;
    }
    exponent -= 150; /* x is significand * 2^exponent */
    if ((exponent & 1) != 0) {
        significand <<= 1;
        --exponent;
    }
    /* The root of significand * 2^24 has 24 or 25 bits; one bit more than a float32 has decides how to round. */
    uint64_t rest = (uint64_t)significand << 26;
    uint32_t root = 0;
    for (uint32_t bit = (uint32_t)1 << 25; bit != 0u; bit >>= 1) {
        const uint64_t tried = ((uint64_t)root * 2u + bit) * bit;
        if (tried <= rest) {
            rest -= tried;
            root += bit;
        }
    }
    /* never a tie: the root of a number of 24 bits has not exactly one bit more */
    exponent = exponent / 2 - 13;
    uint32_t shift = 0;
    while ((root >> shift) >= 0x1000000u) {
        ++shift;
    }
    root = shift == 0u ? root : (root + (1u << (shift - 1u))) >> shift;
    return tinyseg_from_bits(((uint32_t)(exponent + (int32_t)shift + 149) << 23) + root);
}
