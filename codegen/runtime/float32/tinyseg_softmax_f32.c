/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax of float32 lines. The exponential function is a polynomial (S. L. Moshier, Cephes Mathematical Library). */
#include "tinyseg_softmax_f32.h"

float tinyseg_exponential_f32(float x)
{
    const float rounding = 12582912.0f; /* 1.5 * 2^23: adding and subtracting it rounds to an integer */
    float n;
    float r;
    float y;
    float square;
    float power;
    int32_t bits;
    if (!(x >= -87.0f)) {
        return 0.0f;
    }
    n = x * 1.44269504088896341f;
    TINYSEG_ROUNDED(n);
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
    square = r * r;
    TINYSEG_ROUNDED(square);
    y = tinyseg_fma(y, square, r);
    y += 1.0f;
    bits = (int32_t)n * (1 << 23) + (127 << 23);
    memcpy(&power, &bits, sizeof power);
    return y * power;
}

void tinyseg_softmax_f32_line(uint32_t groups, uint32_t elements, const float *in, float *out)
{
    for (uint32_t group = 0; group < groups; ++group, in += elements, out += elements) {
        float maximum = in[0];
        float sum = 0.0f;
        for (uint32_t i = 1; i < elements; ++i) {
            maximum = in[i] > maximum ? in[i] : maximum;
        }
        for (uint32_t i = 0; i < elements; ++i) {
            out[i] = tinyseg_exponential_f32(in[i] - maximum);
            sum += out[i];
        }
        for (uint32_t i = 0; i < elements; ++i) {
            out[i] /= sum;
        }
    }
}
