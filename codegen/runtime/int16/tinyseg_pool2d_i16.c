/* SPDX-License-Identifier: Apache-2.0 */
/* Max and average pooling of int16 lines. */
#include "tinyseg_pool2d_i16.h"
#include "tinyseg_taps_i16.h"

void tinyseg_max_pool2d_i16_line(const tinyseg_pool2d_i16 *p, const int16_t *const *lines, int16_t *out)
{
    const int32_t channels = p->channels;
    const int32_t step = p->dilation * channels;
    int32_t column = -(int32_t)p->pad_left;
    for (int32_t x = 0; x < p->output_width; ++x, column += p->stride, out += channels) {
        const tinyseg_taps taps = tinyseg_taps_at(column, p->kernel_width, p->dilation, p->input_width);
        const int32_t first = column * channels + taps.before * step;
        for (int32_t c = 0; c < channels; ++c) {
            int32_t largest = INT16_MIN;
            for (int32_t row = 0; row < p->kernel_height; ++row) {
                const int16_t *in = lines[row] != NULL ? lines[row] + first + c : NULL;
                for (int32_t tap = in != NULL ? taps.inside : 0; tap > 0; --tap, in += step) {
                    largest = *in > largest ? *in : largest;
                }
            }
            out[c] = (int16_t)largest;
        }
    }
}

void tinyseg_average_pool2d_i16_line(const tinyseg_pool2d_i16 *p, const int16_t *const *lines, int16_t *out)
{
    const int32_t channels = p->channels;
    int32_t column = -(int32_t)p->pad_left;
    int32_t rows = 0;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        rows += lines[row] != NULL ? 1 : 0;
    }
    for (int32_t x = 0; x < p->output_width; ++x, column += p->stride, out += channels) {
        const tinyseg_taps taps = tinyseg_taps_at(column, p->kernel_width, 1, p->input_width);
        const int32_t first = (column + taps.before) * channels;
        const int32_t pixels = rows * taps.inside;
        const tinyseg_multiplier multiplier =
            pixels == 0 ? (tinyseg_multiplier)0 : p->multiplier[p->fixed_count != 0u ? 0 : pixels - 1];
        for (int32_t c = 0; c < channels; ++c) {
            int64_t sum = -(int64_t)pixels * p->input_zero_point;
            for (int32_t row = 0; row < p->kernel_height; ++row) {
                const int16_t *in = lines[row] != NULL ? lines[row] + first + c : NULL;
                for (int32_t tap = in != NULL ? taps.inside : 0; tap > 0; --tap, in += channels) {
                    sum += *in;
                }
            }
            out[c] = tinyseg_requantize_i16(sum, multiplier, &p->output);
        }
    }
}

#define TINYSEG_GLOBAL_AVERAGE(name, type) \
    void name(const tinyseg_global_pool_i16 *p, uint32_t index, const int16_t *line, void *state, int16_t *out) \
    { \
        const int last = index + 1u == p->lines; \
        for (uint32_t c = 0; c < p->channels; ++c) { \
            uint8_t *const kept = state != NULL ? (uint8_t *)state + c * sizeof(type) : NULL; \
            type sum = 0; \
            if (index != 0u) { \
                memcpy(&sum, kept, sizeof sum); \
            } \
            for (uint32_t x = 0; x < p->width; ++x) { \
                sum += line[x * p->channels + c] - p->input_zero_point; \
            } \
            if (last) { \
                out[c] = tinyseg_requantize_i16(sum, p->multiplier, &p->output); \
            } else { \
                memcpy(kept, &sum, sizeof sum); \
            } \
        } \
    }

TINYSEG_GLOBAL_AVERAGE(tinyseg_global_average_i16_line, int32_t)
TINYSEG_GLOBAL_AVERAGE(tinyseg_global_average_i16_line_s64, int64_t)

void tinyseg_global_max_i16_line(
    const tinyseg_global_pool_i16 *p, uint32_t index, const int16_t *line, int16_t *state, int16_t *out)
{
    int16_t *const result = index + 1u == p->lines ? out : state;
    for (uint32_t c = 0; c < p->channels; ++c) {
        int16_t largest = index != 0u ? state[c] : INT16_MIN;
        for (uint32_t x = 0; x < p->width; ++x) {
            const int16_t value = line[x * p->channels + c];
            largest = value > largest ? value : largest;
        }
        result[c] = largest;
    }
}
