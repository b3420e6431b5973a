/* SPDX-License-Identifier: Apache-2.0 */
/* Averages for cores with the vector extension. */
#include "tinyseg_average_mve.h"

#include "tinyseg_mve.h"

#define MOST_PIXELS 255 /* of -128 whose sum is a 16 bit number */

#if TINYSEG_MVE
/* Sums of eight channels over `taps` pixels from x on, `step` bytes apart. */
TINYSEG_INLINE int16x8_t add_pixels(int16x8_t sums, const int8_t *x, int32_t step, int32_t taps, mve_pred16_t lanes)
{
    for (; taps > 0; --taps, x += step) {
        sums = vaddq_s16(sums, vldrbq_z_s16(x, lanes));
    }
    return sums;
}
#else
TINYSEG_INLINE int32_t add_channel(const int8_t *x, int32_t step, int32_t taps)
{
    int32_t sum = 0;
    for (; taps > 0; --taps, x += step) {
        sum += *x;
    }
    return sum;
}
#endif

void tinyseg_average_pool2d_mve_line(const tinyseg_pool2d *p, const int8_t *const *lines, int8_t *out)
{
    const int32_t channels = p->channels;
    int32_t column = -(int32_t)p->pad_left;
    int32_t rows = 0;
#if TINYSEG_MVE
    const tinyseg_bounds_8 bounds = tinyseg_bounds_8_of(&p->output);
#endif
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
#if TINYSEG_MVE
        for (int32_t c = 0; c < channels; c += 8) {
            const mve_pred16_t lanes = vctp16q((uint32_t)(channels - c));
            int16x8_t sums = vdupq_n_s16(0);
            for (int32_t row = 0; row < p->kernel_height; ++row) {
                if (lines[row] != NULL) {
                    sums = add_pixels(sums, lines[row] + first * channels + c, channels, taps, lanes);
                }
            }
            const float32x4_t scale = vdupq_n_f32(multiplier);
            const int32x4_t even = tinyseg_scale_4(vsubq_n_s32(vmovlbq_s16(sums), zero), scale);
            const int32x4_t odd = tinyseg_scale_4(vsubq_n_s32(vmovltq_s16(sums), zero), scale);
            vstrbq_p_s16(out + c, tinyseg_finish_8(even, odd, &bounds), lanes);
        }
#else
        for (int32_t c = 0; c < channels; ++c) {
            int32_t sum = -zero;
            for (int32_t row = 0; row < p->kernel_height; ++row) {
                if (lines[row] != NULL) {
                    sum += add_channel(lines[row] + first * channels + c, channels, taps);
                }
            }
            out[c] = tinyseg_requantize(sum, multiplier, &p->output);
        }
#endif
    }
}

void tinyseg_global_average_mve_line(
    const tinyseg_global_pool *p, uint32_t index, const int8_t *line, int32_t *state, int8_t *out)
{
    const int32_t channels = p->channels;
    const int32_t width = (int32_t)p->width;
    const int last = index + 1u == p->lines;
#if TINYSEG_MVE
    const uint32x4_t place = vidupq_n_u32(0, 2); /* of the state, for the even lanes */
    for (int32_t c = 0; c < channels; c += 8) {
        const mve_pred16_t lanes = vctp16q((uint32_t)(channels - c));
        const mve_pred16_t even_lanes = vctp32q((uint32_t)(channels - c + 1) / 2u);
        const mve_pred16_t odd_lanes = vctp32q((uint32_t)(channels - c) / 2u);
        int32x4_t even = vdupq_n_s32(last ? -p->zero : 0);
        int32x4_t odd = even;
        for (int32_t x = 0; x < width; x += MOST_PIXELS) {
            const int32_t pixels = width - x < MOST_PIXELS ? width - x : MOST_PIXELS;
            const int16x8_t sums = add_pixels(vdupq_n_s16(0), line + x * channels + c, channels, pixels, lanes);
            even = vaddq_s32(even, vmovlbq_s16(sums));
            odd = vaddq_s32(odd, vmovltq_s16(sums));
        }
        if (index != 0u) {
            even = vaddq_s32(even, vldrwq_gather_shifted_offset_z_s32(state + c, place, even_lanes));
            odd = vaddq_s32(odd, vldrwq_gather_shifted_offset_z_s32(state + c + 1, place, odd_lanes));
        }
        if (last) {
            const tinyseg_bounds_8 bounds = tinyseg_bounds_8_of(&p->output);
            const float32x4_t scale = vdupq_n_f32(p->multiplier);
            even = tinyseg_scale_4(even, scale);
            odd = tinyseg_scale_4(odd, scale);
            vstrbq_p_s16(out + c, tinyseg_finish_8(even, odd, &bounds), lanes);
        } else {
            vstrwq_scatter_shifted_offset_p_s32(state + c, place, even, even_lanes);
            vstrwq_scatter_shifted_offset_p_s32(state + c + 1, place, odd, odd_lanes);
        }
    }
#else
    for (int32_t c = 0; c < channels; ++c) {
        const int32_t sum = (index != 0u ? state[c] : 0) + add_channel(line + c, channels, width);
        if (last) {
            out[c] = tinyseg_requantize(sum - p->zero, p->multiplier, &p->output);
        } else {
            state[c] = sum;
        }
    }
#endif
}
