/* Depthwise convolution for cores with the DSP extension. */
#include "tinyseg_depthwise_dsp.h"

#include "tinyseg_scale.h"

/* Low halves of two words; high halves of two words. */
TINYSEG_INLINE uint32_t lower(uint32_t x, uint32_t y)
{
#if TINYSEG_DSP
    uint32_t result;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(result) : "r"(x), "r"(y));
    return result;
#else
    return (x & 0xFFFFu) | (y << 16);
#endif
}

TINYSEG_INLINE uint32_t upper(uint32_t x, uint32_t y)
{
#if TINYSEG_DSP
    uint32_t result;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(result) : "r"(y), "r"(x));
    return result;
#else
    return (y & 0xFFFF0000u) | (x >> 16);
#endif
}

/* The values of four channels in two rows, as one word per channel. */
TINYSEG_INLINE void widen_two_rows(uint32_t *to, uint32_t x, uint32_t y)
{
    const uint32_t x_even = tinyseg_widen_even(x);
    const uint32_t y_even = tinyseg_widen_even(y);
    const uint32_t x_odd = tinyseg_widen_odd(x);
    const uint32_t y_odd = tinyseg_widen_odd(y);
    to[0] = lower(x_even, y_even);
    to[1] = lower(x_odd, y_odd);
    to[2] = upper(x_even, y_even);
    to[3] = upper(x_odd, y_odd);
}

/* The values of four channels in one row, as channels 0 and 2, channels 1 and 3. */
TINYSEG_INLINE void widen_one_row(uint32_t *to, uint32_t x)
{
    to[0] = tinyseg_widen_even(x);
    to[1] = tinyseg_widen_odd(x);
}

/* Columns of three rows, all inside the map. */
TINYSEG_INNER void widen_columns_of_3(
    uint32_t *to, const int8_t *x, const int8_t *y, const int8_t *z, int32_t step, const uint32_t *end)
{
#if TINYSEG_DSP_ASSEMBLER
    int32_t at = 0;
    if (to != end) {
        __asm__ volatile("1:\n\t"
                         "ldr r3, [%[x], %[at]]\n\t"
                         "ldr r4, [%[y], %[at]]\n\t"
                         "ldr r8, [%[z], %[at]]\n\t"
                         "sxtb16 r5, r3\n\t"
                         "sxtb16 r6, r3, ror #8\n\t"
                         "sxtb16 r9, r4\n\t"
                         "sxtb16 r10, r4, ror #8\n\t"
                         "pkhbt r3, r5, r9, lsl #16\n\t"
                         "pkhbt r4, r6, r10, lsl #16\n\t"
                         "pkhtb r5, r9, r5, asr #16\n\t"
                         "pkhtb r6, r10, r6, asr #16\n\t"
                         "sxtb16 r9, r8, ror #8\n\t"
                         "sxtb16 r8, r8\n\t"
                         "add %[at], %[at], %[step]\n\t"
                         "stmia %[to]!, {r3, r4, r5, r6, r8, r9}\n\t"
                         "cmp %[to], %[end]\n\t"
                         "bne 1b"
                         : [to] "+r"(to), [at] "+r"(at)
                         : [x] "r"(x), [y] "r"(y), [z] "r"(z), [step] "r"(step), [end] "r"(end)
                         : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory");
    }
#else
    for (int32_t at = 0; to != end; at += step, to += 6) {
        widen_two_rows(to, tinyseg_load_4(x + at), tinyseg_load_4(y + at));
        widen_one_row(to + 4, tinyseg_load_4(z + at));
    }
#endif
}

/* Up to four channels from an address, or as many times the zero point. */
TINYSEG_INLINE uint32_t some_channels(const int8_t *from, int32_t count, uint32_t padding)
{
    uint32_t word = 0;
    if (from == NULL) {
        return padding;
    }
    if (count == 4) {
        return tinyseg_load_4(from);
    }
    for (int32_t k = 0; k < count; ++k) {
        word |= (uint32_t)(uint8_t)from[k] << (8 * k);
    }
    return word;
}

/* `columns` columns from input column `first` on, anywhere, of `count` channels from `channel` on. */
TINYSEG_INNER void widen_columns(
    const tinyseg_depthwise_dsp *p,
    const int8_t *const *lines,
    int32_t channel,
    int32_t count,
    int32_t first,
    int32_t columns,
    uint32_t *to)
{
    const uint32_t padding = ((uint32_t)p->input_zero_point & 0xFFu) * 0x01010101u;
    const int32_t rows = p->kernel_height;
    for (int32_t column = first; column < first + columns; ++column) {
        const int inside = column >= 0 && column < p->input_width;
        const int32_t at = column * p->channels + channel;
        for (int32_t row = 0; row < rows; row += 2) {
            const int8_t *const x = inside && lines[row] != NULL ? lines[row] + at : NULL;
            const uint32_t word = some_channels(x, count, padding);
            if (row + 1 < rows) {
                const int8_t *const y = inside && lines[row + 1] != NULL ? lines[row + 1] + at : NULL;
                widen_two_rows(to, word, some_channels(y, count, padding));
                to += 4;
            } else {
                widen_one_row(to, word);
                to += 2;
            }
        }
    }
}

/* What computing one channel takes. */
typedef struct {
    const uint32_t *pairs;   /* its pairs of rows in the first column */
    const uint32_t *singles; /* its last row of an odd number */
    int32_t pitch;           /* words from a column to the next */
    int32_t pixels;
    int32_t channels; /* bytes from an output pixel to the next */
    int32_t bias;
    tinyseg_scale scale;
    const tinyseg_output *output;
    int clamped;
} channel_run;

TINYSEG_INLINE void store_four(const channel_run *r, int8_t *out, int32_t a, int32_t b, int32_t c, int32_t d)
{
    const int32_t zero_point = r->output->zero_point;
    const int32_t channels = r->channels;
    tinyseg_scale_two(&a, &b, r->scale, r->scale);
    tinyseg_scale_two(&c, &d, r->scale, r->scale);
    a = tinyseg_add_saturate_8(a, zero_point);
    b = tinyseg_add_saturate_8(b, zero_point);
    c = tinyseg_add_saturate_8(c, zero_point);
    d = tinyseg_add_saturate_8(d, zero_point);
    if (r->clamped != 0) {
        const int32_t minimum = r->output->minimum;
        const int32_t maximum = r->output->maximum;
        a = tinyseg_clamp(a, minimum, maximum);
        b = tinyseg_clamp(b, minimum, maximum);
        c = tinyseg_clamp(c, minimum, maximum);
        d = tinyseg_clamp(d, minimum, maximum);
    }
    out[0] = (int8_t)a;
    out[channels] = (int8_t)b;
    out[2 * channels] = (int8_t)c;
    out[3 * channels] = (int8_t)d;
}

#if TINYSEG_DSP_ASSEMBLER
/* One column of a 3 x 3 kernel's run: the pair of rows in u, the single row in v (in the half h). */
#define LOAD(column, single) "ldr %[u], [%[x], #24*" #column "]\n\tldr %[v], [%[x], #24*" #column "+" #single "]\n\t"
#define BEGIN(sum, h) "smlad %[" #sum "], %[u], %[w0], %[bias]\n\tsmla" #h "b %[" #sum "], %[v], %[s01], %[" #sum "]\n\t"
#define MIDDLE(sum, h) \
    "smlad %[" #sum "], %[u], %[w1], %[" #sum "]\n\tsmla" #h "t %[" #sum "], %[v], %[s01], %[" #sum "]\n\t"
#define END(sum, h) \
    "smlad %[" #sum "], %[u], %[w2], %[" #sum "]\n\tsmla" #h "b %[" #sum "], %[v], %[s2], %[" #sum "]\n\t"
#define FOUR_PIXELS_STRIDE_1(at, h) \
    LOAD(0, at) BEGIN(a, h) \
    LOAD(1, at) MIDDLE(a, h) BEGIN(b, h) \
    LOAD(2, at) END(a, h) MIDDLE(b, h) BEGIN(c, h) \
    LOAD(3, at) END(b, h) MIDDLE(c, h) BEGIN(d, h) \
    LOAD(4, at) END(c, h) MIDDLE(d, h) \
    LOAD(5, at) END(d, h)
#define FOUR_PIXELS_STRIDE_2(at, h) \
    LOAD(0, at) BEGIN(a, h) \
    LOAD(1, at) MIDDLE(a, h) \
    LOAD(2, at) END(a, h) BEGIN(b, h) \
    LOAD(3, at) MIDDLE(b, h) \
    LOAD(4, at) END(b, h) BEGIN(c, h) \
    LOAD(5, at) MIDDLE(c, h) \
    LOAD(6, at) END(c, h) BEGIN(d, h) \
    LOAD(7, at) MIDDLE(d, h) \
    LOAD(8, at) END(d, h)
#define FOUR_PIXELS(code) \
    __asm__(code \
            : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [u] "=&r"(u), [v] "=&r"(v) \
            : [x] "r"(x), [w0] "r"(w0), [w1] "r"(w1), [w2] "r"(w2), [s01] "r"(s01), [s2] "r"(s2), [bias] "r"(bias) \
            : "memory")
#endif

/* The sums of one pixel. */
TINYSEG_INLINE int32_t pixel_3x3(
    const uint32_t *x, int32_t single, const uint32_t *pair_weight, const uint32_t *single_weight, int32_t sum)
{
    for (int32_t tap = 0; tap < 3; ++tap) {
        sum = tinyseg_dual_multiply(x[6 * tap], pair_weight[tap], sum);
        sum = tinyseg_dual_multiply(x[6 * tap + single], single_weight[tap], sum);
    }
    return sum;
}

/* A channel with a 3 x 3 kernel whose columns lie side by side. Channels 0 and 1 of four have their single row four
 * words after the pair, in the lower half; channels 2 and 3 (`high`) two words after, in the upper half. */
TINYSEG_INLINE void channel_3x3(
    const channel_run *r, const uint32_t *weight, int8_t *out, const int32_t stride, const int high)
{
    const int32_t single = high ? 2 : 4;
    const uint32_t *x = r->pairs;
    const int32_t bias = r->bias;
    int32_t n = r->pixels;
    uint32_t pair_weight[3];
    uint32_t single_weight[3];
    for (int32_t tap = 0; tap < 3; ++tap) {
        pair_weight[tap] = tinyseg_widen_even(weight[tap]);
        single_weight[tap] = tinyseg_widen_odd(weight[tap]);
    }
    {
#if TINYSEG_DSP_ASSEMBLER
        const uint32_t w0 = pair_weight[0];
        const uint32_t w1 = pair_weight[1];
        const uint32_t w2 = pair_weight[2];
        const uint32_t s01 = high ? upper(single_weight[0], single_weight[1]) : lower(single_weight[0], single_weight[1]);
        const uint32_t s2 = high ? single_weight[2] >> 16 : single_weight[2];
#endif
        for (; n >= 4; n -= 4, x += 24 * stride, out += 4 * r->channels) {
            int32_t a, b, c, d;
#if TINYSEG_DSP_ASSEMBLER
            uint32_t u, v;
            if (stride == 1 && !high) {
                FOUR_PIXELS(FOUR_PIXELS_STRIDE_1(16, b));
            } else if (stride == 1) {
                FOUR_PIXELS(FOUR_PIXELS_STRIDE_1(8, t));
            } else if (!high) {
                FOUR_PIXELS(FOUR_PIXELS_STRIDE_2(16, b));
            } else {
                FOUR_PIXELS(FOUR_PIXELS_STRIDE_2(8, t));
            }
#else
            a = pixel_3x3(x, single, pair_weight, single_weight, bias);
            b = pixel_3x3(x + 6 * stride, single, pair_weight, single_weight, bias);
            c = pixel_3x3(x + 12 * stride, single, pair_weight, single_weight, bias);
            d = pixel_3x3(x + 18 * stride, single, pair_weight, single_weight, bias);
#endif
            store_four(r, out, a, b, c, d);
        }
    }
    for (; n > 0; --n, x += 6 * stride, out += r->channels) {
        *out = tinyseg_requantize_1(pixel_3x3(x, single, pair_weight, single_weight, bias), r->scale, r->output);
    }
}

TINYSEG_INNER void low_channel_stride_1(const channel_run *r, const uint32_t *weight, int8_t *out)
{
    channel_3x3(r, weight, out, 1, 0);
}

TINYSEG_INNER void high_channel_stride_1(const channel_run *r, const uint32_t *weight, int8_t *out)
{
    channel_3x3(r, weight, out, 1, 1);
}

TINYSEG_INNER void low_channel_stride_2(const channel_run *r, const uint32_t *weight, int8_t *out)
{
    channel_3x3(r, weight, out, 2, 0);
}

TINYSEG_INNER void high_channel_stride_2(const channel_run *r, const uint32_t *weight, int8_t *out)
{
    channel_3x3(r, weight, out, 2, 1);
}

/* A channel with any kernel; `weight` is widened: [tap][pair of rows]. */
TINYSEG_INNER void channel_any(
    const tinyseg_depthwise_dsp *p, const channel_run *r, const uint32_t *weight, int8_t *out)
{
    const int32_t pairs = p->kernel_height / 2;
    const int32_t single = p->kernel_height & 1;
    const int32_t tap_step = p->dilation * r->pitch;
    const int32_t pixel = p->stride * r->pitch;
    const uint32_t *x = r->pairs;
    const uint32_t *y = r->singles;
    int32_t n = r->pixels;
    for (; n >= 4; n -= 4, x += 4 * pixel, y += 4 * pixel, out += 4 * r->channels) {
        const uint32_t *w = weight;
        const uint32_t *u = x;
        const uint32_t *v = y;
        int32_t a = r->bias;
        int32_t b = a;
        int32_t c = a;
        int32_t d = a;
        for (int32_t tap = 0; tap < p->kernel_width; ++tap, u += tap_step, v += tap_step) {
            const uint32_t *t = u;
            for (int32_t pair = 0; pair < pairs; ++pair, t += 4, ++w) {
                a = tinyseg_dual_multiply(t[0], *w, a);
                b = tinyseg_dual_multiply(t[pixel], *w, b);
                c = tinyseg_dual_multiply(t[2 * pixel], *w, c);
                d = tinyseg_dual_multiply(t[3 * pixel], *w, d);
            }
            if (single != 0) {
                a = tinyseg_dual_multiply(v[0], *w, a);
                b = tinyseg_dual_multiply(v[pixel], *w, b);
                c = tinyseg_dual_multiply(v[2 * pixel], *w, c);
                d = tinyseg_dual_multiply(v[3 * pixel], *w, d);
                ++w;
            }
        }
        store_four(r, out, a, b, c, d);
    }
    for (; n > 0; --n, x += pixel, y += pixel, out += r->channels) {
        const uint32_t *w = weight;
        const uint32_t *u = x;
        const uint32_t *v = y;
        int32_t a = r->bias;
        for (int32_t tap = 0; tap < p->kernel_width; ++tap, u += tap_step, v += tap_step) {
            for (int32_t pair = 0; pair < pairs; ++pair) {
                a = tinyseg_dual_multiply(u[4 * pair], *w++, a);
            }
            if (single != 0) {
                a = tinyseg_dual_multiply(*v, *w++, a);
            }
        }
        *out = tinyseg_requantize_1(a, r->scale, r->output);
    }
}

/* A channel's weights as one word per tap and pair of rows. */
static void widen_weights(uint32_t *to, const uint32_t *weight, int32_t n)
{
    for (; n > 1; n -= 2, ++weight) {
        *to++ = tinyseg_widen_even(*weight);
        *to++ = tinyseg_widen_odd(*weight);
    }
    if (n == 1) {
        *to = tinyseg_widen_even(*weight);
    }
}

void tinyseg_depthwise_dsp_line(const tinyseg_depthwise_dsp *p, const int8_t *const *lines, void *scratch, int8_t *out)
{
    const int32_t channels = p->channels;
    const int32_t stride = p->stride;
    const int32_t reach = (p->kernel_width - 1) * p->dilation + 1; /* columns of one pixel */
    const int32_t row_words = (p->kernel_height + 1) / 2;
    const int32_t weights = p->kernel_width * row_words;
    const int by_3x3 = p->kernel_height == 3u && p->kernel_width == 3u && p->dilation == 1u && stride <= 2;
    uint32_t *const widened = scratch;
    uint32_t *const strip = widened + (by_3x3 ? 0 : weights);
    int complete = p->kernel_height == 3u;
    channel_run r;
    r.pitch = 4 * (p->kernel_height / 2) + 2 * (p->kernel_height & 1);
    r.channels = channels;
    r.output = &p->output;
    r.clamped = p->output.minimum != -128 || p->output.maximum != 127;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        complete = complete && lines[row] != NULL;
    }
    for (int32_t x = 0; x < p->output_width; x += p->run) {
        const uint32_t *weight = p->weight;
        const int32_t first = x * stride - p->pad_left;
        int32_t columns;
        r.pixels = p->output_width - x < p->run ? p->output_width - x : p->run;
        columns = (r.pixels - 1) * stride + reach;
        for (int32_t channel = 0; channel < channels; channel += 4) {
            const int32_t count = channels - channel < 4 ? channels - channel : 4;
            if (complete && count == 4) {
                int32_t left = first < 0 ? -first : 0;
                int32_t right = first + columns > p->input_width ? first + columns - p->input_width : 0;
                left = left > columns ? columns : left;
                right = right > columns - left ? columns - left : right;
                if (left > 0) {
                    widen_columns(p, lines, channel, count, first, left, strip);
                }
                if (left + right < columns) {
                    const int32_t at = (first + left) * channels + channel;
                    widen_columns_of_3(
                        strip + 6 * left,
                        lines[0] + at,
                        lines[1] + at,
                        lines[2] + at,
                        channels,
                        strip + 6 * (columns - right));
                }
                if (right > 0) {
                    widen_columns(
                        p, lines, channel, count, first + columns - right, right, strip + 6 * (columns - right));
                }
            } else {
                widen_columns(p, lines, channel, count, first, columns, strip);
            }
            for (int32_t k = 0; k < count; ++k, weight += (weights + 1) / 2) {
                int8_t *const to = out + x * channels + channel + k;
                r.pairs = strip + k;
                r.singles = strip + r.pitch - 2 + (k & 1);
                r.bias = p->bias[channel + k];
                r.scale = tinyseg_scale_of(p->multiplier[channel + k]);
                if (!by_3x3) {
                    widen_weights(widened, weight, weights);
                    channel_any(p, &r, widened, to);
                } else if (stride == 1) {
                    (k < 2 ? low_channel_stride_1 : high_channel_stride_1)(&r, weight, to);
                } else {
                    (k < 2 ? low_channel_stride_2 : high_channel_stride_2)(&r, weight, to);
                }
            }
        }
    }
}
