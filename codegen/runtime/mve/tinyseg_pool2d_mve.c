/* SPDX-License-Identifier: Apache-2.0 */
/* Max pooling for cores with the vector extension. */
#include "tinyseg_pool2d_mve.h"

#include "tinyseg_mve.h"

/* `pixels` maxima of two pixels of each of two lines; their windows begin `step` bytes apart. */
TINYSEG_INNER void maximum_2x2(
    const int8_t *a, const int8_t *b, int32_t channels, int32_t step, int8_t *out, int32_t pixels)
{
    const int8_t *a_next = a + channels;
    const int8_t *b_next = b + channels;
#if TINYSEG_MVE
    const int32_t taken = (channels + 15) & ~15; /* bytes that the loop over the channels goes on by */
    __asm__ volatile("1:\n\t"
                     "dlstp.8 lr, %[channels]\n"
                     "2:\n\t"
                     "vldrb.8 q0, [%[a]], #16\n\t"
                     "vldrb.8 q1, [%[b]], #16\n\t"
                     "vldrb.8 q2, [%[a_next]], #16\n\t"
                     "vmax.s8 q0, q0, q1\n\t"
                     "vldrb.8 q3, [%[b_next]], #16\n\t"
                     "vmax.s8 q0, q0, q2\n\t"
                     "vmax.s8 q0, q0, q3\n\t"
                     "vstrb.8 q0, [%[out]], #16\n\t"
                     "letp lr, 2b\n\t"
                     "add %[a], %[a], %[step]\n\t"
                     "add %[b], %[b], %[step]\n\t"
                     "add %[a_next], %[a_next], %[step]\n\t"
                     "add %[b_next], %[b_next], %[step]\n\t"
                     "add %[out], %[out], %[back]\n\t"
                     "subs %[pixels], %[pixels], #1\n\t"
                     "bne 1b"
                     : [a] "+r"(a), [b] "+r"(b), [a_next] "+r"(a_next), [b_next] "+r"(b_next), [out] "+r"(out),
                       [pixels] "+r"(pixels)
                     : [channels] "r"(channels), [step] "r"(step - taken), [back] "r"(channels - taken)
                     : "lr", "q0", "q1", "q2", "q3", "cc", "memory");
#else
    for (; pixels > 0; --pixels) {
        for (int32_t c = 0; c < channels; ++c) {
            const int8_t u = a[c] > b[c] ? a[c] : b[c];
            const int8_t v = a_next[c] > b_next[c] ? a_next[c] : b_next[c];
            *out++ = u > v ? u : v;
        }
        a += step;
        b += step;
        a_next += step;
        b_next += step;
    }
#endif
}

/* Maximum over `taps` pixels of each line that is one, from byte `offset` on, `step` bytes from tap to tap. */
TINYSEG_INNER void maximum(
    const tinyseg_pool2d *p, const int8_t *const *lines, int32_t offset, int32_t taps, int32_t step, int8_t *out)
{
    const int32_t channels = p->channels;
    const int32_t rows = p->kernel_height;
#if TINYSEG_MVE
    for (int32_t c = 0; c < channels; c += 16) {
        const mve_pred16_t lanes = vctp8q((uint32_t)(channels - c));
        int8x16_t most = vdupq_n_s8(-128);
        for (int32_t row = 0; row < rows; ++row) {
            const int8_t *x = lines[row];
            if (x != NULL) {
                x += offset + c;
                for (int32_t tap = taps; tap > 0; --tap, x += step) {
                    most = vmaxq_s8(most, vldrbq_z_s8(x, lanes));
                }
            }
        }
        vstrbq_p_s8(out + c, most, lanes);
    }
#else
    for (int32_t c = 0; c < channels; ++c) {
        int8_t most = -128;
        for (int32_t row = 0; row < rows; ++row) {
            for (int32_t tap = 0; lines[row] != NULL && tap < taps; ++tap) {
                const int8_t x = lines[row][offset + c + tap * step];
                most = x > most ? x : most;
            }
        }
        out[c] = most;
    }
#endif
}

void tinyseg_max_pool2d_mve_line(const tinyseg_pool2d *p, const int8_t *const *lines, int8_t *out)
{
    const int32_t channels = p->channels;
    const int32_t kernel = p->kernel_width;
    const int32_t dilation = p->dilation;
    const int32_t width = p->input_width;
    const int32_t stride = p->stride;
    const int32_t reach = (kernel - 1) * dilation;
    const int8_t *const end = out + p->output_width * channels;
    int32_t column = -(int32_t)p->pad_left;
    const int square = p->kernel_height == 2u && kernel == 2 && dilation == 1 && lines[0] != NULL && lines[1] != NULL;
    while (out != end) {
        int32_t first = 0;
        int32_t last = kernel;
        if (column >= 0 && column + reach < width) {
            if (square) {
                const int32_t offset = column * channels;
                const int32_t left = (int32_t)(end - out) / channels;
                const int32_t inside = (width - 2 - column) / stride + 1;
                const int32_t pixels = inside < left ? inside : left;
                maximum_2x2(lines[0] + offset, lines[1] + offset, channels, stride * channels, out, pixels);
                out += pixels * channels;
                column += pixels * stride;
                continue;
            }
        } else {
            while (first < last && column + first * dilation < 0) {
                ++first;
            }
            while (first < last && column + (last - 1) * dilation >= width) {
                --last;
            }
        }
        maximum(p, lines, (column + first * dilation) * channels, last - first, dilation * channels, out);
        out += channels;
        column += stride;
    }
}
