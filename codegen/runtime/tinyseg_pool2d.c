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

void tinyseg_max_pool2d_line(const tinyseg_pool2d *p, const int8_t *const *lines, int8_t *out)
{
    const int32_t channels = p->channels;
    int32_t column = -(int32_t)p->pad_left;
    for (int32_t x = 0; x < p->output_width; ++x, column += p->stride, out += channels) {
        const taps_inside taps = clip_taps(p, column);
        memset(out, -128, (size_t)channels);
        for (int32_t row = 0; row < p->kernel_height; ++row) {
            if (lines[row] == NULL) {
                continue;
            }
            for (int32_t tap = taps.first; tap < taps.last; ++tap) {
                const int8_t *in = lines[row] + (column + tap * p->dilation) * channels;
                for (int32_t c = 0; c < channels; ++c) {
                    out[c] = in[c] > out[c] ? in[c] : out[c];
                }
            }
        }
    }
}

void tinyseg_average_pool2d_line(const tinyseg_pool2d *p, const int8_t *const *lines, int8_t *out)
{
    const int32_t channels = p->channels;
    int32_t column = -(int32_t)p->pad_left;
    int32_t rows = 0;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        rows += lines[row] != NULL ? 1 : 0;
    }
    for (int32_t x = 0; x < p->output_width; ++x, column += p->stride, out += channels) {
        const taps_inside taps = clip_taps(p, column);
        const int32_t pixels = rows * (taps.last - taps.first);
        const int32_t zero = pixels * p->input_zero_point;
        const float multiplier = pixels <= 0 ? 0.0f : p->multiplier[p->fixed_count != 0u ? 0 : pixels - 1];
        for (int32_t c = 0; c < channels; ++c) {
            int32_t sum = 0;
            for (int32_t row = 0; row < p->kernel_height; ++row) {
                if (lines[row] != NULL) {
                    const int8_t *in = lines[row] + (column + taps.first * p->dilation) * channels + c;
                    for (int32_t tap = taps.first; tap < taps.last; ++tap, in += p->dilation * channels) {
                        sum += *in;
                    }
                }
            }
            out[c] = tinyseg_requantize(pixels <= 0 ? 0 : sum - zero, multiplier, &p->output);
        }
    }
}
