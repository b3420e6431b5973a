/* SPDX-License-Identifier: Apache-2.0 */
/* Positions of maxima in their windows, and values put back there. */
#include "tinyseg_unpool2d.h"

/* The index of the tap that is the `step`th in the order of the kernel. */
TINYSEG_INLINE int32_t tap_of(const tinyseg_max_positions *p, int32_t step)
{
    if (p->columns_first == 0u) {
        return step;
    }
    return step % p->kernel_height * p->kernel_width + step / p->kernel_height;
}

#define TINYSEG_MAX_POSITIONS_LINE(name, type) \
    void name(const tinyseg_max_positions *p, const type *const *lines, uint8_t *out) \
    { \
        const int32_t channels = p->channels; \
        const int32_t taps = p->kernel_height * p->kernel_width; \
        for (int32_t x = 0; x < p->output_width; ++x) { \
            const int32_t left = x * p->stride - p->pad_left; \
            for (int32_t c = 0; c < channels; ++c) { \
                int32_t found = -1; \
                type best = 0; \
                for (int32_t step = 0; step < taps; ++step) { \
                    const int32_t tap = tap_of(p, step); \
                    const type *const line = lines[tap / p->kernel_width]; \
                    const int32_t column = left + tap % p->kernel_width; \
                    if (line != NULL && column >= 0 && column < p->input_width) { \
                        const type value = line[column * channels + c]; \
                        if (found < 0 || value > best) { \
                            best = value; \
                            found = tap; \
                        } \
                    } \
                } \
                *out++ = (uint8_t)found; \
            } \
        } \
    }

TINYSEG_MAX_POSITIONS_LINE(tinyseg_max_positions_line, int8_t)
TINYSEG_MAX_POSITIONS_LINE(tinyseg_max_positions_f32_line, float)

void tinyseg_max_unpool2d_row(
    const tinyseg_max_unpool2d *p, const uint8_t *values, const uint8_t *positions, uint32_t kernel_row, uint8_t *out)
{
    const int32_t channels = p->channels;
    const uint32_t size = p->element_bytes;
    for (int32_t column = 0; column < p->input_width; ++column) {
        for (int32_t c = 0; c < channels; ++c, values += size) {
            const uint32_t position = *positions++;
            const int32_t x = column * p->stride - p->pad_left + (int32_t)(position % p->kernel_width);
            if (position / p->kernel_width == kernel_row && x >= 0 && x < p->output_width) {
                memcpy(out + (uint32_t)(x * channels + c) * size, values, size);
            }
        }
    }
}
