/* SPDX-License-Identifier: Apache-2.0 */
/* Averages for cores with the DSP extension. */
#include "tinyseg_average_dsp.h"

#include "tinyseg_scale.h"

#define MOST_PIXELS 255 /* of -128 whose sum is a 16 bit number */

/* Sums of channels 0 and 2, and of channels 1 and 3. */
typedef struct {
    uint32_t even;
    uint32_t odd;
} sums_of_four;

/* Adds the bytes 0 and 2 of a word to the halves of another, and bytes 1 and 3 likewise. */
TINYSEG_INLINE void add_four(sums_of_four *sums, uint32_t word)
{
#if TINYSEG_DSP
    __asm__("sxtab16 %0, %0, %1" : "+r"(sums->even) : "r"(word));
    __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(sums->odd) : "r"(word));
#else
    const uint32_t even = sums->even;
    const uint32_t odd = sums->odd;
    sums->even = tinyseg_halves(tinyseg_low(even) + tinyseg_byte(word, 0), tinyseg_high(even) + tinyseg_byte(word, 2));
    sums->odd = tinyseg_halves(tinyseg_low(odd) + tinyseg_byte(word, 1), tinyseg_high(odd) + tinyseg_byte(word, 3));
#endif
}

TINYSEG_INLINE int32_t lower(uint32_t word)
{
    return (int16_t)(uint16_t)word;
}

TINYSEG_INLINE int32_t upper(uint32_t word)
{
    return (int16_t)(uint16_t)(word >> 16);
}

/* The first of the next four channels: the last four overlap those before. */
TINYSEG_INLINE int32_t next_four(int32_t channel, int32_t channels)
{
    return channel + 4 < channels && channel + 8 > channels ? channels - 4 : channel + 4;
}

/* `taps` pixels from x on, `step` bytes apart. */
TINYSEG_INLINE void add_pixels(sums_of_four *sums, const int8_t *x, int32_t step, int32_t taps)
{
    for (; taps >= 2; taps -= 2, x += 2 * step) {
        add_four(sums, tinyseg_load_4(x));
        add_four(sums, tinyseg_load_4(x + step));
    }
    if (taps != 0) {
        add_four(sums, tinyseg_load_4(x));
    }
}

void tinyseg_average_pool2d_dsp_line(const tinyseg_pool2d *p, const int8_t *const *lines, int8_t *out)
{
    const int32_t channels = p->channels;
    const tinyseg_bounds bounds = tinyseg_bounds_of(&p->output);
    int32_t column = -(int32_t)p->pad_left;
    int32_t rows = 0;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        rows += lines[row] != NULL ? 1 : 0;
    }
    for (int32_t x = 0; x < p->output_width; ++x, column += p->stride, out += channels) {
        const int32_t first = column < 0 ? 0 : column;
        const int32_t last = column + p->kernel_width < p->input_width ? column + p->kernel_width : p->input_width;
        const int32_t taps = last > first ? last - first : 0;
        const int32_t pixels = rows * taps;
        const int32_t zero = pixels * p->input_zero_point;
        const float multiplier = pixels <= 0 ? 0.0f : p->multiplier[p->fixed_count != 0u ? 0 : pixels - 1];
        const tinyseg_scale scale = tinyseg_scale_of(multiplier);
        for (int32_t c = 0; c < channels; c = next_four(c, channels)) {
            sums_of_four sums = {0, 0};
            const int8_t *const *line = lines;
            for (int32_t row = p->kernel_height; row > 0; --row, ++line) {
                if (*line != NULL) {
                    add_pixels(&sums, *line + first * channels + c, channels, taps);
                }
            }
            tinyseg_store_4(
                out + c,
                tinyseg_requantize_4(
                    lower(sums.even) - zero,
                    lower(sums.odd) - zero,
                    upper(sums.even) - zero,
                    upper(sums.odd) - zero,
                    scale,
                    scale,
                    scale,
                    scale,
                    &bounds));
        }
    }
}

/* Sums of four channels of a line. */
TINYSEG_INLINE void add_line(int32_t *four, const int8_t *line, int32_t channels, int32_t width)
{
    for (; width > 0; width -= MOST_PIXELS, line += MOST_PIXELS * channels) {
        sums_of_four sums = {0, 0};
        add_pixels(&sums, line, channels, width < MOST_PIXELS ? width : MOST_PIXELS);
        four[0] += lower(sums.even);
        four[1] += lower(sums.odd);
        four[2] += upper(sums.even);
        four[3] += upper(sums.odd);
    }
}

/* Adds a line to the sums of whole fours of channels. */
TINYSEG_INNER void add_line_of_fours(int32_t *state, const int8_t *line, int32_t channels, int32_t width)
{
    for (int32_t *const end = state + channels; state != end; state += 4, line += 4) {
        int32_t four[4] = {state[0], state[1], state[2], state[3]};
        add_line(four, line, channels, width);
        state[0] = four[0];
        state[1] = four[1];
        state[2] = four[2];
        state[3] = four[3];
    }
}

void tinyseg_global_average_dsp_line(
    const tinyseg_global_pool *p, uint32_t index, const int8_t *line, int32_t *state, int8_t *out)
{
    const int32_t channels = p->channels;
    const int32_t width = (int32_t)p->width;
    if (index != 0u && index + 1u != p->lines && channels % 4 == 0) {
        add_line_of_fours(state, line, channels, width);
        return;
    }
    const tinyseg_bounds bounds = tinyseg_bounds_of(&p->output);
    const tinyseg_scale scale = tinyseg_scale_of(p->multiplier);
    int32_t done = 0; /* channels whose sums are in the state already */
    for (int32_t c = 0; c < channels; done = c + 4, c = next_four(c, channels)) {
        int32_t four[4] = {0, 0, 0, 0};
        add_line(four, line + c, channels, width);
        if (index + 1u == p->lines) {
            for (int32_t k = 0; k < 4; ++k) {
                four[k] += (index != 0u ? state[c + k] : 0) - p->zero;
            }
            tinyseg_store_4(
                out + c,
                tinyseg_requantize_4(four[0], four[1], four[2], four[3], scale, scale, scale, scale, &bounds));
            continue;
        }
        for (int32_t k = done > c ? done - c : 0; k < 4; ++k) {
            state[c + k] = (index != 0u ? state[c + k] : 0) + four[k];
        }
    }
}
