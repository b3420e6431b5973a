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

/* The values of four channels in two rows, one word per channel, `gap` words apart. */
TINYSEG_INLINE void widen_two_rows(uint32_t *to, int32_t gap, uint32_t x, uint32_t y)
{
    const uint32_t x_even = tinyseg_widen_even(x);
    const uint32_t y_even = tinyseg_widen_even(y);
    const uint32_t x_odd = tinyseg_widen_odd(x);
    const uint32_t y_odd = tinyseg_widen_odd(y);
    to[0] = lower(x_even, y_even);
    to[gap] = lower(x_odd, y_odd);
    to[2 * gap] = upper(x_even, y_even);
    to[3 * gap] = upper(x_odd, y_odd);
}

/* The values of four channels in one row: words of channels 0 and 2, of 1 and 3; with a gap of 2 both twice. */
TINYSEG_INLINE void widen_one_row(uint32_t *to, int32_t gap, uint32_t x)
{
    const uint32_t even = tinyseg_widen_even(x);
    const uint32_t odd = tinyseg_widen_odd(x);
    to[0] = even;
    to[gap] = odd;
    if (gap == 2) {
        to[4] = even;
        to[6] = odd;
    }
}

/* `columns` columns of three rows, all inside the map. */
TINYSEG_INNER void widen_columns_of_3(
    uint32_t *to, const int8_t *x, const int8_t *y, const int8_t *z, int32_t step, int32_t columns)
{
    int32_t at = -columns * step; /* up to 0 */
    x -= at;
    y -= at;
    z -= at;
#if TINYSEG_DSP_ASSEMBLER
    if (columns > 0) {
        __asm__ volatile("1:\n\t"
                         "ldr r3, [%[x], %[at]]\n\t"
                         "ldr r4, [%[y], %[at]]\n\t"
                         "ldr r6, [%[z], %[at]]\n\t"
                         "sxtb16 r1, r3\n\t"
                         "sxtb16 r2, r3, ror #8\n\t"
                         "sxtb16 r9, r4\n\t"
                         "sxtb16 r10, r4, ror #8\n\t"
                         "pkhbt r3, r1, r9, lsl #16\n\t"
                         "pkhbt r5, r2, r10, lsl #16\n\t"
                         "sxtb16 r4, r6\n\t"
                         "sxtb16 r6, r6, ror #8\n\t"
                         "adds %[at], %[at], %[step]\n\t"
                         "stmia %[to]!, {r3, r4, r5, r6}\n\t"
                         "pkhtb r3, r9, r1, asr #16\n\t"
                         "pkhtb r5, r10, r2, asr #16\n\t"
                         "stmia %[to]!, {r3, r4, r5, r6}\n\t"
                         "bne 1b"
                         : [to] "+r"(to), [at] "+r"(at)
                         : [x] "r"(x), [y] "r"(y), [z] "r"(z), [step] "r"(step)
                         : "r1", "r2", "r3", "r4", "r5", "r6", "r9", "r10", "cc", "memory");
    }
#else
    for (; at != 0; at += step, to += 8) {
        widen_two_rows(to, 2, tinyseg_load_4(x + at), tinyseg_load_4(y + at));
        widen_one_row(to + 1, 2, tinyseg_load_4(z + at));
    }
#endif
}

/* A line's values of four channels: from an address, a step from column to column. */
typedef struct {
    const int8_t *at;
    int32_t step;
} row_source;

/* The columns' layout in the scratch memory, in words. */
typedef struct {
    int32_t pitch; /* from a column to the next */
    int32_t gap;   /* from a channel's pair of rows to the next channel's; 2: a last single row lies between them */
} layout;

/* Columns of two rows, of words shifted by `shift` bits (channels before the group's first). */
TINYSEG_INNER void widen_pair_of_rows(
    uint32_t *to, const uint32_t *end, layout l, row_source x, row_source y, int32_t shift)
{
    for (; to != end; to += l.pitch, x.at += x.step, y.at += y.step) {
        widen_two_rows(to, l.gap, tinyseg_load_4(x.at) >> shift, tinyseg_load_4(y.at) >> shift);
    }
}

TINYSEG_INNER void widen_single_row(uint32_t *to, const uint32_t *end, layout l, row_source x, int32_t shift)
{
    for (; to != end; to += l.pitch, x.at += x.step) {
        widen_one_row(to, l.gap, tinyseg_load_4(x.at) >> shift);
    }
}

/* The one to three channels of a map, from a byte each. */
TINYSEG_INLINE uint32_t load_narrow(const int8_t *from, int32_t channels)
{
    uint32_t word = 0;
    for (int32_t k = 0; k < channels; ++k) {
        word |= (uint32_t)(uint8_t)from[k] << (8 * k);
    }
    return word;
}

/* The same of maps that have less than four channels; `y` NULL: a single row. */
TINYSEG_INNER void widen_narrow(
    uint32_t *to, const uint32_t *end, layout l, row_source x, const row_source *y, int32_t channels)
{
    int32_t at = 0;
    for (; to != end; to += l.pitch, x.at += x.step) {
        if (y == NULL) {
            widen_one_row(to, l.gap, load_narrow(x.at, channels));
        } else {
            widen_two_rows(to, l.gap, load_narrow(x.at, channels), load_narrow(y->at + at, channels));
            at += y->step;
        }
    }
}

/* `words` words (an even number) of the zero point twice. */
static void fill(uint32_t *to, int32_t words, int32_t zero_point)
{
    const uint32_t word = tinyseg_halves(zero_point, zero_point);
    for (; words >= 8; words -= 8, to += 8) {
        to[0] = to[1] = to[2] = to[3] = word;
        to[4] = to[5] = to[6] = to[7] = word;
    }
    for (; words > 0; words -= 2, to += 2) {
        to[0] = to[1] = word;
    }
}

/* `columns` columns from input column `first` on, of the four channels from `channel` on. */
TINYSEG_INNER void widen_columns(
    const tinyseg_depthwise_dsp *p,
    const int8_t *const *lines,
    int32_t channel,
    int32_t first,
    int32_t columns,
    layout l,
    uint32_t *to)
{
    const int32_t channels = p->channels;
    const int32_t rows = p->kernel_height;
    const int32_t pitch = l.pitch;
    const int32_t missing = channel + 4 > channels ? channel + 4 - channels : 0;
    uint32_t *const end = to + columns * pitch;
    int32_t left = first < 0 ? -first : 0;
    int32_t right = first + columns > p->input_width ? first + columns - p->input_width : 0;
    left = left > columns ? columns : left;
    right = right > columns - left ? columns - left : right;
    fill(to, left * pitch, p->input_zero_point);
    fill(end - right * pitch, right * pitch, p->input_zero_point);
    to += left * pitch;
    columns -= left + right;
    if (columns > 0) {
        const int8_t padding[4] = {(int8_t)p->input_zero_point,
                                   (int8_t)p->input_zero_point,
                                   (int8_t)p->input_zero_point,
                                   (int8_t)p->input_zero_point};
        const int32_t at = (first + left) * channels + channel - (channels < 4 ? 0 : missing);
        if (l.gap == 2 && missing == 0 && lines[0] != NULL && lines[1] != NULL && lines[2] != NULL) {
            widen_columns_of_3(to, lines[0] + at, lines[1] + at, lines[2] + at, channels, columns);
            return;
        }
        for (int32_t row = 0; row < rows; row += 2) {
            const int32_t next = row + 1 < rows ? row + 1 : row;
            const uint32_t *const row_end = to + columns * pitch;
            row_source x = {padding, 0};
            row_source y = {padding, 0};
            if (lines[row] != NULL) {
                x.at = lines[row] + at;
                x.step = channels;
            }
            if (lines[next] != NULL) {
                y.at = lines[next] + at;
                y.step = channels;
            }
            if (channels < 4) {
                widen_narrow(to, row_end, l, x, next != row ? &y : NULL, channels);
            } else if (next != row) {
                widen_pair_of_rows(to, row_end, l, x, y, 8 * missing);
            } else {
                widen_single_row(to, row_end, l, x, 8 * missing);
            }
            to += l.gap == 2 ? 1 : 4;
        }
    }
}

/* What the channels of a run of output pixels have in common. */
typedef struct {
    const uint32_t *strip;
    int32_t pitch; /* words from a column to the next */
    int32_t pixels;
    int32_t channels; /* bytes from an output pixel to the next */
    int32_t zero_point;
    int32_t minimum;
    int32_t maximum;
    int clamped;
    const tinyseg_output *output;
} run;

/* Four neighbouring results of a channel. */
TINYSEG_INLINE void store_four(
    const run *r, tinyseg_scale scale, int32_t channels, int8_t *out, int32_t a, int32_t b, int32_t c, int32_t d)
{
    const int32_t zero_point = r->zero_point;
    tinyseg_scale_two(&a, &b, scale, scale);
    tinyseg_scale_two(&c, &d, scale, scale);
    a = tinyseg_add_saturate_8(a, zero_point);
    b = tinyseg_add_saturate_8(b, zero_point);
    c = tinyseg_add_saturate_8(c, zero_point);
    d = tinyseg_add_saturate_8(d, zero_point);
    if (r->clamped != 0) {
        const int32_t minimum = r->minimum;
        const int32_t maximum = r->maximum;
        a = tinyseg_clamp(a, minimum, maximum);
        b = tinyseg_clamp(b, minimum, maximum);
        c = tinyseg_clamp(c, minimum, maximum);
        d = tinyseg_clamp(d, minimum, maximum);
    }
    out[0] = (int8_t)a;
    out[channels] = (int8_t)b;
    out += 2 * channels;
    out[0] = (int8_t)c;
    out[channels] = (int8_t)d;
}

#if TINYSEG_DSP_ASSEMBLER
/* One column of a 3 x 3 kernel's run: the pair of rows in u, the single row in the half h of v. */
#define LOAD(column) "ldrd %[u], %[v], [%[x], #32*" #column "]\n\t"
#define BEGIN(sum, h) "smlad %[" #sum "], %[u], %[w0], %[bias]\n\tsmla" #h "b %[" #sum "], %[v], %[s01], %[" #sum "]\n\t"
#define MIDDLE(sum, h) \
    "smlad %[" #sum "], %[u], %[w1], %[" #sum "]\n\tsmla" #h "t %[" #sum "], %[v], %[s01], %[" #sum "]\n\t"
#define END(sum, h) \
    "smlad %[" #sum "], %[u], %[w2], %[" #sum "]\n\tsmla" #h "b %[" #sum "], %[v], %[s2], %[" #sum "]\n\t"
#define FOUR_PIXELS_STRIDE_1(h) \
    LOAD(0) BEGIN(a, h) \
    LOAD(1) MIDDLE(a, h) BEGIN(b, h) \
    LOAD(2) END(a, h) MIDDLE(b, h) BEGIN(c, h) \
    LOAD(3) END(b, h) MIDDLE(c, h) BEGIN(d, h) \
    LOAD(4) END(c, h) MIDDLE(d, h) \
    LOAD(5) END(d, h)
#define FOUR_PIXELS_STRIDE_2(h) \
    LOAD(0) BEGIN(a, h) \
    LOAD(1) MIDDLE(a, h) \
    LOAD(2) END(a, h) BEGIN(b, h) \
    LOAD(3) MIDDLE(b, h) \
    LOAD(4) END(b, h) BEGIN(c, h) \
    LOAD(5) MIDDLE(c, h) \
    LOAD(6) END(c, h) BEGIN(d, h) \
    LOAD(7) MIDDLE(d, h) \
    LOAD(8) END(d, h)
#define FOUR_PIXELS(code) \
    __asm__(code \
            : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [u] "=&r"(u), [v] "=&r"(v) \
            : [x] "r"(x), [w0] "r"(w0), [w1] "r"(w1), [w2] "r"(w2), [s01] "r"(s01), [s2] "r"(s22), [bias] "r"(bias) \
            : "memory")
#endif

/* The pairs of rows, and single rows, of one pixel. */
#define ONE_PIXEL(x) \
    tinyseg_dual_multiply( \
        (x)[0], \
        w0, \
        tinyseg_dual_multiply( \
            (x)[8], \
            w1, \
            tinyseg_dual_multiply( \
                (x)[16], \
                w2, \
                tinyseg_dual_multiply( \
                    (x)[1], \
                    s0, \
                    tinyseg_dual_multiply((x)[9], s1, tinyseg_dual_multiply((x)[17], s2, bias))))))

/* A channel with a 3 x 3 kernel whose columns lie side by side. Channels 0 and 1 of four have their single row in the
 * lower half of its word, channels 2 and 3 (`high`) in the upper. */
TINYSEG_INLINE void channel_3x3(
    const run *r,
    const uint32_t *x,
    const uint32_t *weight,
    int32_t bias,
    float multiplier,
    int8_t *out,
    const int32_t stride,
    const int high)
{
    const tinyseg_scale scale = tinyseg_scale_of(multiplier);
    const int32_t channels = r->channels;
    const uint32_t w0 = tinyseg_widen_even(weight[0]);
    const uint32_t s0 = tinyseg_widen_odd(weight[0]);
    const uint32_t w1 = tinyseg_widen_even(weight[1]);
    const uint32_t s1 = tinyseg_widen_odd(weight[1]);
    const uint32_t w2 = tinyseg_widen_even(weight[2]);
    const uint32_t s2 = tinyseg_widen_odd(weight[2]);
    int32_t n = r->pixels;
    (void)high;
    if (n >= 4) {
        const uint32_t *const end = x + (n >> 2) * (32 * stride);
#if TINYSEG_DSP_ASSEMBLER
        const uint32_t s01 = high ? upper(s0, s1) : lower(s0, s1);
        const uint32_t s22 = high ? s2 >> 16 : s2;
#endif
        do {
            int32_t a, b, c, d;
#if TINYSEG_DSP_ASSEMBLER
            uint32_t u, v;
            if (stride == 1 && !high) {
                FOUR_PIXELS(FOUR_PIXELS_STRIDE_1(b));
            } else if (stride == 1) {
                FOUR_PIXELS(FOUR_PIXELS_STRIDE_1(t));
            } else if (!high) {
                FOUR_PIXELS(FOUR_PIXELS_STRIDE_2(b));
            } else {
                FOUR_PIXELS(FOUR_PIXELS_STRIDE_2(t));
            }
#else
            a = ONE_PIXEL(x);
            b = ONE_PIXEL(x + 8 * stride);
            c = ONE_PIXEL(x + 16 * stride);
            d = ONE_PIXEL(x + 24 * stride);
#endif
            store_four(r, scale, channels, out, a, b, c, d);
            x += 32 * stride;
            out += 4 * channels;
        } while (x != end);
        n &= 3;
    }
    for (; n > 0; --n, x += 8 * stride, out += channels) {
        *out = tinyseg_requantize_1(ONE_PIXEL(x), scale, r->output);
    }
}

/* Up to four channels of a run. */
TINYSEG_INLINE void channels_3x3(
    const run *r,
    const uint32_t *weight,
    const int32_t *bias,
    const float *multiplier,
    int8_t *out,
    int32_t count,
    const int32_t stride)
{
    int32_t k = 0;
    for (; k < count && k < 2; ++k) {
        channel_3x3(r, r->strip + 2 * k, weight + 3 * k, bias[k], multiplier[k], out + k, stride, 0);
    }
    for (; k < count; ++k) {
        channel_3x3(r, r->strip + 2 * k, weight + 3 * k, bias[k], multiplier[k], out + k, stride, 1);
    }
}

TINYSEG_INNER void channels_3x3_stride_1(
    const run *r, const uint32_t *weight, const int32_t *bias, const float *multiplier, int8_t *out, int32_t count)
{
    channels_3x3(r, weight, bias, multiplier, out, count, 1);
}

TINYSEG_INNER void channels_3x3_stride_2(
    const run *r, const uint32_t *weight, const int32_t *bias, const float *multiplier, int8_t *out, int32_t count)
{
    channels_3x3(r, weight, bias, multiplier, out, count, 2);
}

/* A channel with any kernel; `weight` is widened: [tap][pair of rows]. */
TINYSEG_INNER void channel_any(
    const tinyseg_depthwise_dsp *p, const run *r, const uint32_t *weight, int32_t channel, int8_t *out)
{
    const tinyseg_scale scale = tinyseg_scale_of(p->multiplier[channel]);
    const int32_t bias = p->bias[channel];
    const int32_t pairs = p->kernel_height / 2;
    const int32_t tap_step = p->dilation * r->pitch;
    const int32_t pixel = p->stride * r->pitch;
    const int32_t group_channel = channel & 3;
    const int32_t single = 4 * pairs + (group_channel & 1) - group_channel; /* from the first pair to the single row */
    const uint32_t *x = r->strip + group_channel;
    int32_t n = r->pixels;
    for (; n >= 4; n -= 4, x += 4 * pixel, out += 4 * r->channels) {
        const uint32_t *w = weight;
        const uint32_t *u = x;
        int32_t a = bias;
        int32_t b = a;
        int32_t c = a;
        int32_t d = a;
        for (int32_t tap = 0; tap < p->kernel_width; ++tap, u += tap_step) {
            const uint32_t *t = u;
            for (int32_t pair = 0; pair < pairs; ++pair, t += 4) {
                const uint32_t both = *w++;
                a = tinyseg_dual_multiply(t[0], both, a);
                b = tinyseg_dual_multiply(t[pixel], both, b);
                c = tinyseg_dual_multiply(t[2 * pixel], both, c);
                d = tinyseg_dual_multiply(t[3 * pixel], both, d);
            }
            if ((p->kernel_height & 1) != 0) {
                const uint32_t one = *w++;
                t = u + single;
                a = tinyseg_dual_multiply(t[0], one, a);
                b = tinyseg_dual_multiply(t[pixel], one, b);
                c = tinyseg_dual_multiply(t[2 * pixel], one, c);
                d = tinyseg_dual_multiply(t[3 * pixel], one, d);
            }
        }
        store_four(r, scale, r->channels, out, a, b, c, d);
    }
    for (; n > 0; --n, x += pixel, out += r->channels) {
        const uint32_t *w = weight;
        const uint32_t *u = x;
        int32_t a = bias;
        for (int32_t tap = 0; tap < p->kernel_width; ++tap, u += tap_step) {
            for (int32_t pair = 0; pair < pairs; ++pair) {
                a = tinyseg_dual_multiply(u[4 * pair], *w++, a);
            }
            if ((p->kernel_height & 1) != 0) {
                a = tinyseg_dual_multiply(u[single], *w++, a);
            }
        }
        *out = tinyseg_requantize_1(a, scale, r->output);
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
    const int32_t weights = p->kernel_width * ((p->kernel_height + 1) / 2);
    const int32_t channel_words = (weights + 1) / 2;
    const int by_3x3 = p->kernel_height == 3u && p->kernel_width == 3u && p->dilation == 1u && stride <= 2;
    uint32_t *const widened = scratch;
    uint32_t *const strip = widened + (by_3x3 ? 0 : weights);
    layout l;
    run r;
    l.pitch = by_3x3 ? 8 : 4 * (p->kernel_height / 2) + 2 * (p->kernel_height & 1);
    l.gap = by_3x3 ? 2 : 1;
    r.strip = strip;
    r.pitch = l.pitch;
    r.channels = channels;
    r.zero_point = p->output.zero_point;
    r.minimum = p->output.minimum;
    r.maximum = p->output.maximum;
    r.clamped = p->output.minimum != -128 || p->output.maximum != 127;
    r.output = &p->output;
    for (int32_t x = 0; x < p->output_width; x += p->run) {
        const uint32_t *weight = p->weight;
        const int32_t first = x * stride - p->pad_left;
        int8_t *to = out + x * channels;
        r.pixels = p->output_width - x < p->run ? p->output_width - x : p->run;
        for (int32_t channel = 0; channel < channels; channel += 4, weight += 4 * channel_words, to += 4) {
            const int32_t count = channels - channel < 4 ? channels - channel : 4;
            widen_columns(p, lines, channel, first, (r.pixels - 1) * stride + reach, l, strip);
            if (by_3x3) {
                (stride == 1 ? channels_3x3_stride_1 : channels_3x3_stride_2)(
                    &r, weight, p->bias + channel, p->multiplier + channel, to, count);
            } else {
                for (int32_t k = 0; k < count; ++k) {
                    widen_weights(widened, weight + k * channel_words, weights);
                    channel_any(p, &r, widened, channel + k, to + k);
                }
            }
        }
    }
}
