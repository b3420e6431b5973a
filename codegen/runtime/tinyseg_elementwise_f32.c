/* Binary arithmetic and clamps of float32 lines. */
#include "tinyseg_elementwise_f32.h"

/* The function on `n` elements; `step` is 0 where `b` is a single number. */
static void compute(uint8_t function, const float *a, const float *b, uint32_t step, float *out, uint32_t n)
{
    uint32_t i;
    switch (function) {
    case '+':
        for (i = 0; i < n; ++i, b += step) {
            out[i] = a[i] + *b;
        }
        break;
    case '-':
        for (i = 0; i < n; ++i, b += step) {
            out[i] = a[i] - *b;
        }
        break;
    case 'r':
        for (i = 0; i < n; ++i, b += step) {
            out[i] = *b - a[i];
        }
        break;
    case '*':
        for (i = 0; i < n; ++i, b += step) {
            out[i] = a[i] * *b;
        }
        break;
    case '/':
        for (i = 0; i < n; ++i, b += step) {
            out[i] = a[i] / *b;
        }
        break;
    case 'd':
        for (i = 0; i < n; ++i, b += step) {
            out[i] = *b / a[i];
        }
        break;
    case '>':
        for (i = 0; i < n; ++i, b += step) {
            out[i] = a[i] > *b ? a[i] : *b;
        }
        break;
    case 'M':
        for (i = 0; i < n; ++i, b += step) {
            out[i] = *b > a[i] ? *b : a[i];
        }
        break;
    case 'm':
        for (i = 0; i < n; ++i, b += step) {
            out[i] = *b < a[i] ? *b : a[i];
        }
        break;
    default:
        for (i = 0; i < n; ++i, b += step) {
            out[i] = a[i] < *b ? a[i] : *b;
        }
        break;
    }
}

void tinyseg_elementwise_f32_line(
    const tinyseg_elementwise_f32 *p, const float *a, const float *b, float *out, uint32_t elements)
{
    const uint32_t run = p->period == 1u ? elements : p->period;
    for (uint32_t begin = 0; begin < elements; begin += run) {
        compute(p->function, a + begin, b, p->period == 1u ? 0u : 1u, out + begin, run);
    }
    if (p->clamp.kind != TINYSEG_ANY_F32) {
        tinyseg_clip_f32_line(&p->clamp, out, out, elements);
    }
}

void tinyseg_clip_f32_line(const tinyseg_clamp_f32 *p, const float *in, float *out, uint32_t elements)
{
    if (p->kind == TINYSEG_RELU_F32) {
        for (uint32_t i = 0; i < elements; ++i) {
            tinyseg_store_relu_f32(out + i, in[i]);
        }
        return;
    }
    for (uint32_t i = 0; i < elements; ++i) {
        out[i] = tinyseg_clip_f32(in[i], p->minimum, p->maximum);
    }
}
