/* Depthwise convolution of float32 lines: four pixels of four channels at a time where no tap lies in the padding at the
 * sides. Every sum takes its products in the order of (row, tap). */
#include "tinyseg_depthwise_f32.h"

/* Channels `c` to `c + 3` of four pixels, the first at input column `column`. */
TINYSEG_INNER void four_by_four(
    const tinyseg_depthwise_f32 *p, const float *const *lines, int32_t column, int32_t c, float *out)
{
    const int32_t channels = p->channels;
    const int32_t taps = p->kernel_width;
    const float *bias = p->bias + c;
    float a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
    float b0 = a0, b1 = a1, b2 = a2, b3 = a3;
    float c0 = a0, c1 = a1, c2 = a2, c3 = a3;
    float d0 = a0, d1 = a1, d2 = a2, d3 = a3;
    const float *w = p->weight + c;
    /* what is left to the next pixel, and from the fourth pixel back to the next tap, after a load of four */
    const int32_t next_pixel = p->stride * channels - 4;
    const int32_t next_tap = p->dilation * channels - 3 * p->stride * channels - 4;
    const int32_t next_weight = channels - 4;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        const float *x = lines[row];
        if (x == NULL) {
            w += taps * channels;
            continue;
        }
        x += column * channels + c;
        for (int32_t tap = taps; tap > 0; --tap) {
            TINYSEG_FOUR_LOW(w);
            TINYSEG_FOUR_HIGH(x);
            TINYSEG_LOAD_FOUR(w, w);
            w += next_weight;
            TINYSEG_LOAD_FOUR(x, x);
            x += next_pixel;
            a0 = tinyseg_fma(x0, w0, a0);
            a1 = tinyseg_fma(x1, w1, a1);
            a2 = tinyseg_fma(x2, w2, a2);
            a3 = tinyseg_fma(x3, w3, a3);
            TINYSEG_LOAD_FOUR(x, x);
            x += next_pixel;
            b0 = tinyseg_fma(x0, w0, b0);
            b1 = tinyseg_fma(x1, w1, b1);
            b2 = tinyseg_fma(x2, w2, b2);
            b3 = tinyseg_fma(x3, w3, b3);
            TINYSEG_LOAD_FOUR(x, x);
            x += next_pixel;
            c0 = tinyseg_fma(x0, w0, c0);
            c1 = tinyseg_fma(x1, w1, c1);
            c2 = tinyseg_fma(x2, w2, c2);
            c3 = tinyseg_fma(x3, w3, c3);
            TINYSEG_LOAD_FOUR(x, x);
            d0 = tinyseg_fma(x0, w0, d0);
            d1 = tinyseg_fma(x1, w1, d1);
            d2 = tinyseg_fma(x2, w2, d2);
            d3 = tinyseg_fma(x3, w3, d3);
            if (tap > 1) {
                x += next_tap;
            }
        }
    }
    tinyseg_store_four_f32(&p->clamp, out, a0, a1, a2, a3);
    tinyseg_store_four_f32(&p->clamp, out + channels, b0, b1, b2, b3);
    tinyseg_store_four_f32(&p->clamp, out + 2 * channels, c0, c1, c2, c3);
    tinyseg_store_four_f32(&p->clamp, out + 3 * channels, d0, d1, d2, d3);
}

/* Channels from `c` of one pixel at input column `column`, negative in the left padding. */
TINYSEG_INNER void one_pixel(
    const tinyseg_depthwise_f32 *p, const float *const *lines, int32_t column, int32_t c, float *out)
{
    const int32_t channels = p->channels;
    const int32_t dilation = p->dilation;
    const int32_t room = p->input_width - column;
    const int32_t first = column < 0 ? (-column + dilation - 1) / dilation : 0;
    int32_t last = room <= 0 ? 0 : (room + dilation - 1) / dilation;
    last = last > p->kernel_width ? p->kernel_width : last;
    for (; c < channels; ++c, ++out) {
        float a = p->bias[c];
        for (int32_t row = 0; row < p->kernel_height; ++row) {
            if (lines[row] == NULL || first >= last) {
                continue;
            }
            const float *x = lines[row] + (column + first * dilation) * channels + c;
            const float *w = p->weight + (row * p->kernel_width + first) * channels + c;
            for (int32_t tap = first;;) {
                a = tinyseg_fma(*x, *w, a);
                if (++tap == last) {
                    break;
                }
                x += dilation * channels;
                w += channels;
            }
        }
        tinyseg_store_f32(&p->clamp, out, a);
    }
}

void tinyseg_depthwise_f32_line(const tinyseg_depthwise_f32 *p, const float *const *lines, float *out)
{
    const int32_t stride = p->stride;
    const int32_t channels = p->channels;
    const int32_t blocked = channels / 4 * 4;
    const int32_t extent = (p->kernel_width - 1) * p->dilation;
    int32_t column = -(int32_t)p->pad_left;
    for (int32_t x = 0; x < p->output_width;) {
        if (column >= 0 && x + 4 <= p->output_width && column + 3 * stride + extent < p->input_width) {
            for (int32_t c = 0; c < blocked; c += 4) {
                four_by_four(p, lines, column, c, out + c);
            }
            if (blocked < channels) {
                for (int32_t pixel = 0; pixel < 4; ++pixel) {
                    one_pixel(p, lines, column + pixel * stride, blocked, out + pixel * channels + blocked);
                }
            }
            x += 4;
            column += 4 * stride;
            out += 4 * channels;
        } else {
            one_pixel(p, lines, column, 0, out);
            ++x;
            column += stride;
            out += channels;
        }
    }
}
