/* Max pooling for cores with the DSP extension. */
#include "tinyseg_pool2d_dsp.h"

#include "tinyseg_dsp.h"

/* The largest of corresponding bytes of four addresses, for `n` bytes; the last word overlaps the one before. */
TINYSEG_INNER void max_of_four(
    int8_t *out, const int8_t *a, const int8_t *b, const int8_t *c, const int8_t *d, int32_t n)
{
    int32_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const uint32_t u = tinyseg_max_4(tinyseg_load_4(a + i), tinyseg_load_4(b + i));
        const uint32_t v = tinyseg_max_4(tinyseg_load_4(c + i), tinyseg_load_4(d + i));
        const uint32_t x = tinyseg_max_4(tinyseg_load_4(a + i + 4), tinyseg_load_4(b + i + 4));
        const uint32_t y = tinyseg_max_4(tinyseg_load_4(c + i + 4), tinyseg_load_4(d + i + 4));
        tinyseg_store_4(out + i, tinyseg_max_4(u, v));
        tinyseg_store_4(out + i + 4, tinyseg_max_4(x, y));
    }
    while (i < n) {
        uint32_t u;
        uint32_t v;
        i = i + 4 > n ? n - 4 : i;
        u = tinyseg_max_4(tinyseg_load_4(a + i), tinyseg_load_4(b + i));
        v = tinyseg_max_4(tinyseg_load_4(c + i), tinyseg_load_4(d + i));
        tinyseg_store_4(out + i, tinyseg_max_4(u, v));
        i += 4;
    }
}

/* out = the larger of out and x, for `n` bytes. */
TINYSEG_INNER void max_into(int8_t *out, const int8_t *x, int32_t n)
{
    for (; n >= 4; n -= 4, out += 4, x += 4) {
        tinyseg_store_4(out, tinyseg_max_4(tinyseg_load_4(out), tinyseg_load_4(x)));
    }
    for (; n > 0; --n, ++out, ++x) {
        *out = *x > *out ? *x : *out;
    }
}

/* The taps of a window that lie in the line: `count` from `first` on. */
static void clip_taps(const tinyseg_pool2d *p, int32_t column, int32_t *first, int32_t *count)
{
    int32_t begin = 0;
    int32_t end = p->kernel_width;
    while (begin < end && column + begin * p->dilation < 0) {
        ++begin;
    }
    while (end > begin && column + (end - 1) * p->dilation >= p->input_width) {
        --end;
    }
    *first = begin;
    *count = end - begin;
}

/* One window: its first four taps together, the others one by one. */
static void window(const tinyseg_pool2d *p, const int8_t *const *lines, int32_t column, int8_t *out)
{
    const int32_t channels = p->channels;
    const int32_t step = p->dilation * channels;
    const int8_t *taps[4];
    int32_t first;
    int32_t count;
    int32_t held = 0;
    int started = 0;
    clip_taps(p, column, &first, &count);
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        const int8_t *x = lines[row];
        if (x == NULL) {
            continue;
        }
        x += (column + first * p->dilation) * channels;
        for (int32_t tap = 0; tap < count; ++tap, x += step) {
            if (started) {
                max_into(out, x, channels);
                continue;
            }
            taps[held++] = x;
            if (held == 4) {
                max_of_four(out, taps[0], taps[1], taps[2], taps[3], channels);
                started = 1;
            }
        }
    }
    if (started) {
        return;
    }
    if (held == 0) {
        memset(out, -128, (size_t)channels);
        return;
    }
    for (int32_t k = held; k < 4; ++k) {
        taps[k] = taps[0];
    }
    max_of_four(out, taps[0], taps[1], taps[2], taps[3], channels);
}

void tinyseg_max_pool2d_dsp_line(const tinyseg_pool2d *p, const int8_t *const *lines, int8_t *out)
{
    const int32_t channels = p->channels;
    const int32_t reach = (p->kernel_width - 1) * p->dilation;
    const int plain = p->kernel_height == 2u && p->kernel_width == 2u && lines[0] != NULL && lines[1] != NULL;
    int32_t column = -(int32_t)p->pad_left;
    for (int32_t x = 0; x < p->output_width; ++x, column += p->stride, out += channels) {
        if (plain && column >= 0 && column + reach < p->input_width) {
            const int8_t *const a = lines[0] + column * channels;
            const int8_t *const b = lines[1] + column * channels;
            max_of_four(out, a, a + reach * channels, b, b + reach * channels, channels);
        } else {
            window(p, lines, column, out);
        }
    }
}
