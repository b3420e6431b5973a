/* The depthwise kernel, for one type of weights (TINYSEG_WEIGHT) under one name (TINYSEG_DEPTHWISE_LINE).
 *
 * Four channels at a time; each pixel's taps are clipped to the line once. Taps in the padding read the zero point,
 * because the bias contains the zero point of all taps. */
#include "tinyseg_depthwise.h"

/* Adds the products of `taps` consecutive taps, for four channels. */
TINYSEG_INNER void add_taps_4(
    int32_t *a, const int8_t *x, int32_t x_step, const TINYSEG_WEIGHT *w, int32_t channels, int32_t taps)
{
    int32_t a0 = a[0];
    int32_t a1 = a[1];
    int32_t a2 = a[2];
    int32_t a3 = a[3];
    for (; taps > 0; --taps) {
        a0 += x[0] * w[0];
        a1 += x[1] * w[1];
        a2 += x[2] * w[2];
        a3 += x[3] * w[3];
        x += x_step;
        w += channels;
    }
    a[0] = a0;
    a[1] = a1;
    a[2] = a2;
    a[3] = a3;
}

static int32_t add_taps(const int8_t *x, int32_t x_step, const TINYSEG_WEIGHT *w, int32_t channels, int32_t taps)
{
    int32_t sum = 0;
    for (; taps > 0; --taps) {
        sum += *x * *w;
        x += x_step;
        w += channels;
    }
    return sum;
}

/* Sum of the weights of `taps` consecutive taps of one channel. */
static int32_t sum_taps(const TINYSEG_WEIGHT *w, int32_t channels, int32_t taps)
{
    int32_t sum = 0;
    for (; taps > 0; --taps) {
        sum += *w;
        w += channels;
    }
    return sum;
}

static void pixel(const tinyseg_depthwise *p, const int8_t *const *lines, int32_t column, int8_t *out)
{
    const int32_t channels = p->channels;
    const int32_t taps = p->kernel_width;
    const int32_t dilation = p->dilation;
    const int32_t zero_point = p->input_zero_point;
    const int32_t row_weights = taps * channels;
    const int32_t x_step = dilation * channels;
    const int32_t room = p->input_width - column; /* columns from the first tap to the end of the line */
    int32_t first = column < 0 ? (-column + dilation - 1) / dilation : 0;
    int32_t last = room <= 0 ? 0 : (room + dilation - 1) / dilation;
    first = first > taps ? taps : first;
    last = last > taps ? taps : last;
    last = last < first ? first : last;
    for (int32_t c = 0; c < channels;) {
        const int32_t width = channels - c >= 4 ? 4 : 1;
        const TINYSEG_WEIGHT *w = (const TINYSEG_WEIGHT *)p->weight + c;
        int32_t a[4] = {0, 0, 0, 0};
        for (int32_t row = 0; row < p->kernel_height; ++row, w += row_weights) {
            const int8_t *line = lines[row];
            const int32_t begin = line != NULL ? first : taps;
            const int32_t end = line != NULL ? last : taps;
            if (begin < end) {
                const int8_t *x = line + (column + begin * dilation) * channels + c;
                if (width == 4) {
                    add_taps_4(a, x, x_step, w + begin * channels, channels, end - begin);
                } else {
                    a[0] += add_taps(x, x_step, w + begin * channels, channels, end - begin);
                }
            }
            if (end - begin < taps && zero_point != 0) {
                for (int32_t k = 0; k < width; ++k) {
                    a[k] += zero_point * (sum_taps(w + k, channels, begin) +
                                          sum_taps(w + end * channels + k, channels, taps - end));
                }
            }
        }
        for (int32_t k = 0; k < width; ++k, ++c) {
            const int32_t sum = (int32_t)((uint32_t)a[k] + (uint32_t)p->bias[c]);
            out[c] = tinyseg_requantize(sum, p->multiplier[c], &p->output);
        }
    }
}

void TINYSEG_DEPTHWISE_LINE(const tinyseg_depthwise *p, const int8_t *const *lines, int8_t *out)
{
    int32_t column = -(int32_t)p->pad_left;
    for (int32_t x = 0; x < p->output_width; ++x, column += p->stride, out += p->channels) {
        pixel(p, lines, column, out);
    }
}
