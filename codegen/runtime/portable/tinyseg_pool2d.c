/* SPDX-License-Identifier: Apache-2.0 */
/* Max and average pooling of int8 lines. */
#include "tinyseg_pool2d.h"

/* The taps of a window that lie inside the line: from `first` to before `last`. */
typedef struct {
    int32_t first;
    int32_t last;
} taps_inside;

static taps_inside clip_taps(const tinyseg_pool2d *p, int32_t column)
{
    const int32_t dilation = p->dilation;
    const int32_t room = p->input_width - column;
    taps_inside taps;
    taps.first = column < 0 ? (-column + dilation - 1) / dilation : 0;
    taps.last = room <= 0 ? 0 : (room + dilation - 1) / dilation;
    taps.last = taps.last > p->kernel_width ? p->kernel_width : taps.last;
    return taps;
}

TINYSEG_INLINE int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* out = the largest of out, a and b, or of a and b alone if `fresh`. */
TINYSEG_INNER void largest_of_two(
    tinyseg_value *out, const tinyseg_value *a, const tinyseg_value *b, int32_t n, int fresh)
{
    if (fresh) {
        for (const tinyseg_value *const end = out + n; out != end;) {
            *out++ = (tinyseg_value)larger(*a++, *b++);
        }
    } else {
        for (const tinyseg_value *const end = out + n; out != end; ++out) {
            *out = (tinyseg_value)larger(*out, larger(*a++, *b++));
        }
    }
}

/* The largest of two neighbouring pixels of `n` channels of two lines. */
TINYSEG_INNER void largest_of_square(tinyseg_value *out, const tinyseg_value *a, const tinyseg_value *b, int32_t n)
{
    const tinyseg_value *const end = a + n;
    while (a != end) {
        const int32_t x = larger(a[0], a[n]);
        const int32_t y = larger(b[0], b[n]);
        ++a;
        ++b;
        *out++ = (tinyseg_value)larger(x, y);
    }
}

/* What a window has that lies in the padding. */
TINYSEG_INLINE void set_least(tinyseg_value *out, int32_t n)
{
    if (sizeof *out == 1u) {
        memset(out, TINYSEG_VALUE_MIN, (size_t)n);
    } else {
        for (const tinyseg_value *const end = out + n; out != end;) {
            *out++ = TINYSEG_VALUE_MIN;
        }
    }
}

void tinyseg_max_pool2d_line(const tinyseg_pool2d *p, const tinyseg_value *const *lines, tinyseg_value *out)
{
    const int32_t channels = p->channels;
    const int32_t step = p->dilation * channels;
    const int square = p->kernel_height == 2u && p->kernel_width == 2u && p->dilation == 1u && lines[0] != NULL &&
                       lines[1] != NULL;
    int32_t column = -(int32_t)p->pad_left;
    for (int32_t x = 0; x < p->output_width; ++x, column += p->stride, out += channels) {
        const taps_inside taps = clip_taps(p, column);
        const int32_t first = column * channels + taps.first * step;
        int fresh = 1;
        if (square && taps.last - taps.first == 2) {
            largest_of_square(out, lines[0] + first, lines[1] + first, channels);
            continue;
        }
        for (int32_t row = 0; row < p->kernel_height; ++row) {
            if (lines[row] != NULL) {
                const tinyseg_value *in = lines[row] + first;
                for (int32_t left = taps.last - taps.first; left > 0; left -= 2, in += 2 * step, fresh = 0) {
                    largest_of_two(out, in, left > 1 ? in + step : in, channels, fresh);
                }
            }
        }
        if (fresh) {
            set_least(out, channels);
        }
    }
}

/* A scale for sums that are multiplied by 2^up before, which keeps multipliers about 1 to the fast way. */
typedef struct {
    tinyseg_scale scale;
    int32_t up;
} scale_of_sums;

static scale_of_sums scale_for(tinyseg_multiplier multiplier, int32_t taps)
{
    scale_of_sums result = {tinyseg_scale_of(multiplier), 0};
#if TINYSEG_REQUANTIZE_INTEGER
    uint32_t bits;
    memcpy(&bits, &multiplier, sizeof bits);
    if (taps <= 4096 && bits >= 32u << 23 && bits < 200u << 23) { /* 4096 sums of 255 times 2^10 are below 2^31 */
        bits -= 10u << 23;
        memcpy(&multiplier, &bits, sizeof bits);
        result.scale = tinyseg_scale_of(multiplier);
        result.up = 10;
    }
#else
    (void)taps;
#endif
    return result;
}

void tinyseg_average_pool2d_line(const tinyseg_pool2d *p, const tinyseg_value *const *lines, tinyseg_value *out)
{
    const int32_t channels = p->channels;
    const int32_t step = p->dilation * channels;
    const int32_t most = p->kernel_height * p->kernel_width;
    const int32_t zero_point = p->output.zero_point;
    int32_t column = -(int32_t)p->pad_left;
    int32_t rows = 0;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        rows += lines[row] != NULL ? 1 : 0;
    }
    for (int32_t x = 0; x < p->output_width; ++x, column += p->stride, out += channels) {
        const taps_inside taps = clip_taps(p, column);
        const int32_t count = taps.last - taps.first;
        const int32_t pixels = count > 0 ? rows * count : 0;
        const int32_t zero = pixels * p->input_zero_point;
        const int32_t first = column * channels + taps.first * step;
        const tinyseg_multiplier none = (tinyseg_multiplier){0};
        const tinyseg_multiplier multiplier = pixels <= 0 ? none : p->multiplier[p->fixed_count != 0u ? 0 : pixels - 1];
        const scale_of_sums scale = scale_for(multiplier, most);
        for (int32_t c = 0; c < channels; ++c) {
            int32_t sum = -zero;
            for (int32_t row = 0; row < p->kernel_height; ++row) {
                if (lines[row] != NULL) {
                    const tinyseg_value *in = lines[row] + first + c;
                    for (int32_t tap = count; tap > 0; --tap, in += step) {
                        sum += *in;
                    }
                }
            }
            sum = tinyseg_averaged_to(sum * (1 << scale.up), scale.scale, zero_point);
            out[c] = (tinyseg_value)tinyseg_clamp(sum, p->output.minimum, p->output.maximum);
        }
    }
}
