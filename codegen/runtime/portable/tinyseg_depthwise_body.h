/* SPDX-License-Identifier: Apache-2.0 */
/* The depthwise kernel, for one type of weights (TINYSEG_WEIGHT) under one name (TINYSEG_DEPTHWISE_LINE).
 *
 * Pixels whose windows lie inside the line are computed channel by channel, four at a time, so that each weight is
 * loaded once for four of them; the others one by one. Of narrow maps, where those would be many, each channel's values
 * are copied to a plane with the padding beside them first. Taps in the padding read the zero point, because the bias contains the
 * zero point of all taps. */
#include "tinyseg_depthwise.h"
#include "tinyseg_store_v6m.h"

#define RUN 64 /* pixels that are summed before they are requantised; a multiple of 4 */
#define MOST_ROWS 8
#define PLANE 24 /* columns of a channel's plane, of narrow maps */

#if defined(__GNUC__) && defined(__thumb2__) && TINYSEG_REQUANTIZE_INTEGER && !defined(TINYSEG_NO_ASSEMBLER)
#define ASSEMBLER 1
#pragma GCC optimize("omit-frame-pointer") /* inner loops use every register */
#else
#define ASSEMBLER 0
#endif

#if TINYSEG_THUMB1_ASSEMBLER
#include "tinyseg_depthwise_v6m.h"
#endif

/* Where a row of taps reads its values: `step` apart, 0 in a padding line. */
typedef struct {
    const tinyseg_value *x;
    int32_t step;
} row_of_taps;

/* Sums of groups of four pixels, from `bias` on, for rows of three neighbouring taps and stride 1. Moves the rows on. */
TINYSEG_INNER void sum_3(
    row_of_taps *const rows, const row_of_taps *const end, const TINYSEG_WEIGHT *const weight, int32_t channels,
    int32_t bias, int32_t *sums, const int32_t *const sums_end)
{
    for (; sums != sums_end; sums += 4) {
        const TINYSEG_WEIGHT *w = weight;
        int32_t s0 = bias;
        int32_t s1 = bias;
        int32_t s2 = bias;
        int32_t s3 = bias;
        for (row_of_taps *row = rows; row != end; ++row) {
            const int32_t step = row->step;
            const tinyseg_value *x = row->x;
            const int32_t w0 = w[0];
            const int32_t w1 = w[channels];
            const int32_t w2 = w[2 * channels];
            int32_t v = x[0];
            s0 += v * w0;
            v = x[step];
            s0 += v * w1;
            s1 += v * w0;
            v = x[2 * step];
            s0 += v * w2;
            s1 += v * w1;
            s2 += v * w0;
            x += 4 * step;
            row->x = x;
            v = x[-step];
            s1 += v * w2;
            s2 += v * w1;
            s3 += v * w0;
            v = x[0];
            s2 += v * w2;
            s3 += v * w1;
            v = x[step];
            s3 += v * w2;
            w += 3 * channels;
        }
        sums[0] = s0;
        sums[1] = s1;
        sums[2] = s2;
        sums[3] = s3;
    }
}

/* The same for any taps and stride. */
TINYSEG_INNER void sum_any(
    const tinyseg_depthwise *p, row_of_taps *const rows, const TINYSEG_WEIGHT *const weight, int32_t bias, int32_t *sums,
    const int32_t *const sums_end)
{
    const int32_t channels = p->channels;
    const row_of_taps *const end = rows + p->kernel_height;
    for (; sums != sums_end; sums += 4) {
        const TINYSEG_WEIGHT *w = weight;
        int32_t s0 = bias;
        int32_t s1 = bias;
        int32_t s2 = bias;
        int32_t s3 = bias;
        for (row_of_taps *row = rows; row != end; ++row) {
            const int32_t next = row->step * p->stride;
            const int32_t three = 3 * next;
            const int32_t tap_step = row->step * p->dilation;
            const tinyseg_value *x = row->x;
            row->x = x + 4 * next;
            for (int32_t tap = p->kernel_width; tap > 0; --tap) {
                const int32_t v = *w;
                w += channels;
                s0 += x[0] * v;
                s1 += x[next] * v;
                s2 += x[2 * next] * v;
                s3 += x[three] * v;
                x += tap_step;
            }
        }
        sums[0] = s0;
        sums[1] = s1;
        sums[2] = s2;
        sums[3] = s3;
    }
}

/* All channels of a pixel whose window begins at `column`, wherever that lies. */
TINYSEG_INNER void any_pixel(
    const tinyseg_depthwise *p, const tinyseg_value *const *lines, int32_t column, tinyseg_value *out)
{
    const int32_t channels = p->channels;
    const int32_t taps = p->kernel_width;
    const int32_t dilation = p->dilation;
    const int32_t step = dilation * channels;
    const int32_t zero_point = p->input_zero_point;
    const TINYSEG_WEIGHT *weight = p->weight;
    const tinyseg_value *const *const end = lines + p->kernel_height;
    int32_t before = 0; /* taps before the line, inside it and behind it */
    int32_t inside = 0;
    while (before < taps && column < 0) {
        ++before;
        column += dilation;
    }
    while (before + inside < taps && column + inside * dilation < p->input_width) {
        ++inside;
    }
    const int32_t behind = taps - before - inside;
    const int32_t first = column * channels;
    for (int32_t c = 0; c < channels; ++c) {
        const TINYSEG_WEIGHT *w = weight++;
        int32_t sum = 0;
        int32_t padding = 0;
        for (const tinyseg_value *const *line = lines; line != end; ++line) {
            int32_t left = taps;
            if (*line != NULL) {
                const tinyseg_value *x = *line + first + c;
                for (int32_t tap = before; tap > 0; --tap, w += channels) {
                    padding += *w;
                }
                for (int32_t tap = inside; tap > 0; --tap, w += channels, x += step) {
                    sum += *x * *w;
                }
                left = behind;
            }
            for (; left > 0; --left, w += channels) {
                padding += *w;
            }
        }
        sum += zero_point * padding + p->bias[c];
        out[c] = tinyseg_requantize(sum, p->multiplier[c], &p->output);
    }
}

/* A result within the limits of its type. */
TINYSEG_INLINE tinyseg_value within_type(int32_t result)
{
    return (tinyseg_value)tinyseg_clamp(result, TINYSEG_VALUE_MIN, TINYSEG_VALUE_MAX);
}

/* Requantises `count` sums, to values `step` apart. */
TINYSEG_INNER void store(
    const int32_t *sums,
    int32_t count,
    tinyseg_multiplier multiplier,
    const tinyseg_output *output,
    tinyseg_value *out,
    int32_t step)
{
    const tinyseg_scale scale = tinyseg_scale_of(multiplier);
    const int32_t zero_point = output->zero_point;
    const int32_t *const end = sums + count;
    tinyseg_value *to = out;
#if ASSEMBLER
    while (scale.ties != UINT32_MAX) {
        int32_t high;
        uint32_t low;
        uint32_t fraction;
        /* Leaves at a sum that may be a tie. */
        __asm__ volatile("1:\n\t"
                         "ldr %[f], [%[sums]], #4\n\t"
                         "smull %[l], %[h], %[f], %[mantissa]\n\t"
                         "lsl %[f], %[h], %[up]\n\t"
                         "lsr %[l], %[l], %[shift]\n\t"
                         "add %[f], %[l]\n\t"
                         "add %[f], %[margin]\n\t"
                         "cmp %[f], #0x80000\n\t"
                         "it lo\n\t"
                         "sublo %[sums], #4\n\t"
                         "blo 2f\n\t"
                         "asrs %[h], %[h], %[shift]\n\t"
                         "adc %[h], %[zero]\n\t"
                         "ssat %[h], #8, %[h]\n\t"
                         "strb %[h], [%[to]]\n\t"
                         "add %[to], %[step]\n\t"
                         "cmp %[sums], %[end]\n\t"
                         "bne 1b\n"
                         "2:"
                         : [sums] "+r"(sums), [to] "+r"(to), [f] "=&r"(fraction), [l] "=&r"(low), [h] "=&r"(high)
                         : [mantissa] "r"(scale.mantissa), [shift] "r"(scale.shift), [up] "r"(32 - scale.shift),
                           [margin] "r"(TINYSEG_TIE_MARGIN + 0x80000000u), [zero] "r"(zero_point), [end] "r"(end),
                           [step] "r"(step)
                         : "cc", "memory");
        if (sums == end) {
            break;
        }
        *to = within_type(tinyseg_scaled_to(*sums++, scale, zero_point));
        to += step;
        if (sums == end) {
            break;
        }
    }
#elif TINYSEG_ASSEMBLER_V6M
    to = tinyseg_store_all_v6m(sums, end, scale, zero_point, to, step);
    sums = end;
#endif
    for (; sums != end; ++sums, to += step) {
        *to = within_type(tinyseg_scaled_to(*sums, scale, zero_point));
    }
    if (tinyseg_narrow(output)) {
        for (; out != to; out += step) {
            *out = (tinyseg_value)tinyseg_clamp(*out, output->minimum, output->maximum);
        }
    }
}

/* Sums of `count` pixels of channel `c`, a multiple of four and at most RUN, whose windows lie inside the line from
 * `column` on. */
static void sum_run(
    const tinyseg_depthwise *p,
    const tinyseg_value *const *lines,
    int32_t c,
    int32_t column,
    int32_t *sums,
    int32_t count)
{
    const int32_t channels = p->channels;
    const int32_t rows = p->kernel_height;
    const int32_t first = column * channels + c;
    const int32_t bias = p->bias[c];
    const tinyseg_value zero_point = (tinyseg_value)p->input_zero_point;
    const TINYSEG_WEIGHT *const w = (const TINYSEG_WEIGHT *)p->weight + c;
    const int neighbours = p->kernel_width == 3u && p->stride == 1u && p->dilation == 1u;
    row_of_taps table[MOST_ROWS];
#if TINYSEG_THUMB1_ASSEMBLER && defined(TINYSEG_WEIGHT_IS_BYTE)
    if (neighbours && rows == 3 && lines[0] != NULL && lines[1] != NULL && lines[2] != NULL) {
        const tinyseg_value *const x[3] = {lines[0] + first, lines[1] + first, lines[2] + first};
        tinyseg_sum_3x3_v6m(x, channels, w, sums, sums + count, bias);
        return;
    }
#endif
    for (int32_t row = 0; row < rows; ++row) {
        const tinyseg_value *const line = lines[row];
        table[row].x = line != NULL ? line + first : &zero_point;
        table[row].step = line != NULL ? channels : 0;
    }
    if (neighbours) {
        sum_3(table, table + rows, w, channels, bias, sums, sums + count);
    } else {
        sum_any(p, table, w, bias, sums, sums + count);
    }
}

/* Whether a kernel of 3x3 taps and stride 1 has its lines, with the padding and four pixels at a time, in planes. */
TINYSEG_INLINE int is_narrow(const tinyseg_depthwise *p)
{
    return p->kernel_height == 3u && p->kernel_width == 3u && p->stride == 1u && p->dilation == 1u &&
           p->output_width <= PLANE - 4 && (int32_t)p->pad_left + (int32_t)p->input_width <= PLANE;
}

/* A line of a narrow map. */
TINYSEG_INNER void narrow_line(const tinyseg_depthwise *p, const tinyseg_value *const *lines, tinyseg_value *out)
{
    const int32_t channels = p->channels;
    const int32_t width = p->input_width;
    const int32_t pixels = p->output_width;
    const TINYSEG_WEIGHT *weight = p->weight;
    tinyseg_value planes[3 * PLANE];
    int32_t sums[PLANE - 4];
    for (int32_t i = 0; i < 3 * PLANE; ++i) {
        planes[i] = (tinyseg_value)p->input_zero_point;
    }
    for (int32_t c = 0; c < channels; ++c, ++weight) {
        TINYSEG_WEIGHT own[9];
        for (int32_t row = 0; row < 3; ++row) {
            tinyseg_value *to = planes + row * PLANE + p->pad_left;
            const tinyseg_value *x = lines[row];
            for (int32_t at = c, left = x != NULL ? width : 0; left > 0; --left, at += channels) {
                *to++ = x[at];
            }
        }
        for (int32_t i = 0; i < 9; ++i) {
            own[i] = weight[i * channels];
        }
        int32_t *const end = sums + ((pixels + 3) & ~3);
#if TINYSEG_ASSEMBLER_V6M && defined(TINYSEG_WEIGHT_IS_BYTE)
        const tinyseg_value *const rows[3] = {planes, planes + PLANE, planes + 2 * PLANE};
        tinyseg_sum_3x3_v6m(rows, 1, own, sums, end, p->bias[c]);
#else
        row_of_taps rows[3] = {{planes, 1}, {planes + PLANE, 1}, {planes + 2 * PLANE, 1}};
        sum_3(rows, rows + 3, own, 1, p->bias[c], sums, end);
#endif
        store(sums, pixels, p->multiplier[c], &p->output, out + c, channels);
    }
}

void TINYSEG_DEPTHWISE_LINE(const tinyseg_depthwise *p, const tinyseg_value *const *lines, tinyseg_value *out)
{
    const int32_t stride = p->stride;
    const int32_t pixels = p->output_width;
    const int32_t channels = p->channels;
    const int32_t before = p->pad_left;
    const int32_t room = p->input_width + before - (p->kernel_width - 1) * p->dilation;
    /* The pixels whose windows lie inside the line. */
    int32_t first = (before + stride - 1) / stride;
    int32_t last = room <= 0 ? 0 : (room + stride - 1) / stride;
    int32_t sums[RUN];
    if (is_narrow(p)) {
        narrow_line(p, lines, out);
        return;
    }
    last = last > pixels ? pixels : last;
    if (last - first < 4 || p->kernel_height > MOST_ROWS) {
        first = last = pixels;
    }
    for (int32_t x = first == 0 ? last : 0; x < pixels; x = x + 1 == first ? last : x + 1) {
        any_pixel(p, lines, x * stride - before, out + x * channels);
    }
    for (int32_t c = 0; c < channels; ++c) {
        int32_t count;
        for (int32_t x = first; x < last; x += count) {
            count = last - x < RUN ? last - x : RUN;
            if (count < 4) { /* some again: there are four */
                count = 4;
                x = last - count;
            }
            count &= ~3;
            sum_run(p, lines, c, x * stride - before, sums, count);
            store(sums, count, p->multiplier[c], &p->output, out + x * channels + c, channels);
        }
    }
}
