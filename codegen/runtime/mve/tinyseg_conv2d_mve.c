/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution for cores with the vector extension. */
#include "tinyseg_conv2d_mve.h"

#include "tinyseg_mve.h"

TINYSEG_INLINE int32_t limited(int32_t value, int32_t most)
{
    value = value < 0 ? 0 : value;
    return value > most ? most : value;
}

/* Lays out the window of a group that begins at input column `column`. */
TINYSEG_INNER void lay_out(
    const tinyseg_conv2d_mve *p, const int8_t *const *lines, int32_t group, int32_t column, int8_t *to)
{
    const int32_t kernel = p->kernel_width;
    const int32_t width = p->input_width;
    const int32_t zero_point = p->input_zero_point;
    const int32_t dilation = p->dilation;
    const int32_t rows = p->kernel_height * p->pieces;
    if (p->groups == 1u && dilation == 1) {
        const int32_t left = limited(-column, kernel);
        const int32_t right = limited(column + kernel - width, kernel - left);
        int32_t piece = 0;
        for (int32_t row = 0; row < rows; ++row) {
            const int32_t channels = p->piece_channels[piece];
            const int8_t *const line = lines[row];
            piece = piece + 1 == p->pieces ? 0 : piece + 1;
            if (line == NULL) {
                to = tinyseg_fill_16(to, zero_point, kernel * channels);
            } else if (left == 0 && right == 0) {
                to = tinyseg_copy_16(to, line + column * channels, kernel * channels);
            } else {
                to = tinyseg_fill_16(to, zero_point, left * channels);
                if (left + right < kernel) {
                    to = tinyseg_copy_16(to, line + (column + left) * channels, (kernel - left - right) * channels);
                }
                to = tinyseg_fill_16(to, zero_point, right * channels);
            }
        }
        return;
    }
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        for (int32_t piece = 0; piece < p->pieces; ++piece) {
            const int32_t channels = p->piece_channels[piece];
            const int32_t used = channels / p->groups;
            const int8_t *const line = *lines++;
            for (int32_t tap = 0; tap < kernel; ++tap) {
                const int32_t x = column + tap * dilation;
                if (line != NULL && x >= 0 && x < width) {
                    to = tinyseg_copy_16(to, line + x * channels + group * used, used);
                } else {
                    to = tinyseg_fill_16(to, zero_point, used);
                }
            }
        }
    }
}

/* Copies `pixels` (at most four) times n bytes, `step` bytes apart, to places `size` bytes apart. */
TINYSEG_INLINE void copy_four(int8_t *to, int32_t size, const int8_t *from, int32_t step, int32_t n, int32_t pixels)
{
#if TINYSEG_MVE
    int8_t *to_1 = to + size;
    int8_t *to_2 = to_1 + size;
    int8_t *to_3 = to_2 + size;
    const int8_t *from_1 = from + step;
    const int8_t *from_2 = from_1 + step;
    const int8_t *from_3 = from_2 + step;
    if (pixels < 4) { /* what is not there is like what is */
        from_1 = pixels > 1 ? from_1 : from;
        from_2 = pixels > 2 ? from_2 : from;
        from_3 = from;
    }
    __asm__ volatile("dlstp.8 lr, %[n]\n"
                     "1:\n\t"
                     "vldrb.8 q0, [%[from]], #16\n\t"
                     "vldrb.8 q1, [%[from_1]], #16\n\t"
                     "vstrb.8 q0, [%[to]], #16\n\t"
                     "vldrb.8 q2, [%[from_2]], #16\n\t"
                     "vstrb.8 q1, [%[to_1]], #16\n\t"
                     "vldrb.8 q3, [%[from_3]], #16\n\t"
                     "vstrb.8 q2, [%[to_2]], #16\n\t"
                     "vstrb.8 q3, [%[to_3]], #16\n\t"
                     "letp lr, 1b"
                     : [to] "+r"(to), [to_1] "+r"(to_1), [to_2] "+r"(to_2), [to_3] "+r"(to_3), [from] "+r"(from),
                       [from_1] "+r"(from_1), [from_2] "+r"(from_2), [from_3] "+r"(from_3)
                     : [n] "r"(n)
                     : "lr", "q0", "q1", "q2", "q3", "cc", "memory");
#else
    for (int32_t i = 0; i < pixels; ++i) {
        memcpy(to + i * size, from + i * step, (size_t)n);
    }
#endif
}

/* Lays out up to four windows that lie in the map altogether and whose rows are of one segment each. */
TINYSEG_INNER void lay_out_four(
    const tinyseg_conv2d_mve *p, const int8_t *const *lines, int32_t column, int8_t *to, int32_t pixels)
{
    const int32_t size = 16 * p->blocks;
    const int8_t *const *const end = lines + p->kernel_height * p->pieces;
    int32_t piece = 0;
    while (lines != end) {
        const int32_t channels = p->piece_channels[piece];
        const int32_t step = p->stride * channels;
        const int32_t n = p->kernel_width * channels;
        const int8_t *const line = *lines++;
        if (line == NULL) {
            for (int32_t i = 0; i < 4; ++i) {
                tinyseg_fill_16(to + i * size, p->input_zero_point, n);
            }
        } else {
            copy_four(to, size, line + column * channels, step, n, pixels);
        }
        to += n;
        piece = piece + 1 == p->pieces ? 0 : piece + 1;
    }
}

/* Where the values of four pixels lie, and where their results go. The assembler knows the order of the fields. */
typedef struct {
    const int8_t *x[4];
    const int8_t *weight;
    int32_t blocks;
    const int32_t *bias;
    const float *multiplier;
    int8_t *out;
    int32_t channels;
    int32_t zero_point;
    uint32_t lanes; /* predicate: those that are stored */
    int32_t pixels; /* of the four, those that exist */
} tile;

#if TINYSEG_MVE
/* Two channels of four pixels at a time, until t->channels is used up. Sums of the first channel are in r0, r4, r6
 * and r8, of the second in r2, r10, r12 and lr (only even registers can sum); the tile's address waits in s28. */
TINYSEG_INLINE void channel_pairs(tile *tile_pointer, uint16x8_t place, int16x8_t minimum, int16x8_t maximum)
{
    register tile *t __asm__("r11") = tile_pointer;
    register uint16x8_t q4 __asm__("q4") = place;
    register int16x8_t q5 __asm__("q5") = minimum;
    register int16x8_t q6 __asm__("q6") = maximum;
    __asm__ volatile("vmov s28, r11\n\t"
                     "ldr r0, [r11, #44]\n\t"
                     "vmsr p0, r0\n"
                     "1:\n\t"
                     "ldr r1, [r11, #24]\n\t"
                     "ldrd r0, r2, [r1], #8\n\t"
                     "str r1, [r11, #24]\n\t"
                     "mov r4, r0\n\t"
                     "mov r6, r0\n\t"
                     "mov r8, r0\n\t"
                     "mov r10, r2\n\t"
                     "mov r12, r2\n\t"
                     "mov lr, r2\n\t"
                     "ldrd r1, r3, [r11]\n\t"
                     "ldrd r5, r7, [r11, #8]\n\t"
                     "ldrd r9, r11, [r11, #16]\n"
                     "2:\n\t"
                     "vldrb.8 q0, [r9], #16\n\t"
                     "vldrb.8 q2, [r1], #16\n\t"
                     "vmladava.s8 r0, q0, q2\n\t"
                     "vldrb.8 q1, [r9], #16\n\t"
                     "vmladava.s8 r2, q1, q2\n\t"
                     "vldrb.8 q3, [r3], #16\n\t"
                     "vmladava.s8 r4, q0, q3\n\t"
                     "vmladava.s8 r10, q1, q3\n\t"
                     "vldrb.8 q2, [r5], #16\n\t"
                     "vmladava.s8 r6, q0, q2\n\t"
                     "vmladava.s8 r12, q1, q2\n\t"
                     "vldrb.8 q3, [r7], #16\n\t"
                     "vmladava.s8 r8, q0, q3\n\t"
                     "subs r11, r11, #1\n\t"
                     "vmladava.s8 lr, q1, q3\n\t"
                     "bne 2b\n\t"
                     "vmov d0, r0, r4\n\t"
                     "vmov d1, r6, r8\n\t"
                     "vmov d2, r2, r10\n\t"
                     "vmov d3, r12, lr\n\t"
                     "vmov r11, s28\n\t"
                     "vcvt.f32.s32 q0, q0\n\t"
                     "ldrd r1, r3, [r11, #28]\n\t"
                     "vcvt.f32.s32 q1, q1\n\t"
                     "ldrd r0, r2, [r1], #8\n\t"
                     "vmul.f32 q0, q0, r0\n\t"
                     "ldrd r4, r5, [r11, #36]\n\t"
                     "vmul.f32 q1, q1, r2\n\t"
                     "str r9, [r11, #16]\n\t"
                     "vcvtn.s32.f32 q0, q0\n\t"
                     "subs r4, r4, #2\n\t"
                     "vcvtn.s32.f32 q1, q1\n\t"
                     "str r4, [r11, #36]\n\t"
                     "vqmovnb.s32 q2, q0\n\t"
                     "vqmovnt.s32 q2, q1\n\t"
                     "vqadd.s16 q2, q2, r5\n\t"
                     "add r6, r3, #2\n\t"
                     "vmax.s16 q2, q2, q5\n\t"
                     "strd r1, r6, [r11, #28]\n\t"
                     "vmin.s16 q2, q2, q6\n\t"
                     "vpst\n\t"
                     "vstrbt.16 q2, [r3, q4]\n\t"
                     "bgt.w 1b"
                     : "+r"(t)
                     : "w"(q4), "w"(q5), "w"(q6)
                     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r12", "lr", "q0", "q1",
                       "q2", "q3", "s28", "p0", "cc", "memory");
}

/* The last one of an odd number of channels, whose weights lie beside zeros, of four pixels. */
TINYSEG_INNER void last_channel(const tinyseg_conv2d_mve *p, tile *t)
{
    const uint32x4_t place = vmulq_n_u32(vidupq_n_u32(0, 1), p->output_step);
    const int8_t *w = t->weight;
    const int8_t *x_0 = t->x[0];
    const int8_t *x_1 = t->x[1];
    const int8_t *x_2 = t->x[2];
    const int8_t *x_3 = t->x[3];
    int32_t a = *t->bias;
    int32_t b = a;
    int32_t c = a;
    int32_t d = a;
    int32x4_t sums;
    __asm__ volatile("dls lr, %[blocks]\n"
                     "1:\n\t"
                     "vldrb.8 q0, [%[w]], #32\n\t"
                     "vldrb.8 q1, [%[x_0]], #16\n\t"
                     "vmladava.s8 %[a], q0, q1\n\t"
                     "vldrb.8 q2, [%[x_1]], #16\n\t"
                     "vmladava.s8 %[b], q0, q2\n\t"
                     "vldrb.8 q1, [%[x_2]], #16\n\t"
                     "vmladava.s8 %[c], q0, q1\n\t"
                     "vldrb.8 q2, [%[x_3]], #16\n\t"
                     "vmladava.s8 %[d], q0, q2\n\t"
                     "le lr, 1b\n\t"
                     "vmov d0, %[a], %[b]\n\t"
                     "vmov d1, %[c], %[d]\n\t"
                     "vmov %q[sums], q0"
                     : [w] "+r"(w), [x_0] "+r"(x_0), [x_1] "+r"(x_1), [x_2] "+r"(x_2), [x_3] "+r"(x_3), [a] "+Te"(a),
                       [b] "+Te"(b), [c] "+Te"(c), [d] "+Te"(d), [sums] "=&w"(sums)
                     : [blocks] "r"(t->blocks)
                     : "lr", "q0", "q1", "q2", "memory");
    sums = vqaddq_n_s32(tinyseg_scale_4(sums, vdupq_n_f32(*t->multiplier)), t->zero_point);
    sums = vminq_s32(vmaxq_s32(sums, vdupq_n_s32(p->output.minimum)), vdupq_n_s32(p->output.maximum));
    vstrbq_scatter_offset_p_s32(t->out, place, sums, vctp32q((uint32_t)t->pixels));
    t->weight = w;
}

/* What every tile of a line has in common. */
typedef struct {
    uint16x8_t place; /* of the results of pixel and channel 00 01 10 11 20 21 30 31 */
    int16x8_t minimum;
    int16x8_t maximum;
} line_constants;

TINYSEG_INLINE line_constants constants_of(const tinyseg_conv2d_mve *p)
{
    const uint16x8_t lane = vidupq_n_u16(0, 1);
    const uint16x8_t pixel = vmulq_n_u16(vshrq_n_u16(lane, 1), p->output_step);
    line_constants c;
    c.place = vaddq_u16(pixel, vandq_u16(lane, vdupq_n_u16(1)));
    c.minimum = vdupq_n_s16(p->output.minimum);
    c.maximum = vdupq_n_s16(p->output.maximum);
    return c;
}

/* Channels [0, count) of a group. */
TINYSEG_INLINE void four_pixels(const tinyseg_conv2d_mve *p, tile *t, int32_t count, line_constants c)
{
    t->blocks = p->blocks;
    t->zero_point = p->output.zero_point;
    t->lanes = (1u << 4 * t->pixels) - 1u; /* a bit per byte */
    t->channels = count & ~1;
    if (t->channels > 0) {
        channel_pairs(t, c.place, c.minimum, c.maximum);
    }
    if ((count & 1) != 0) {
        last_channel(p, t);
    }
}
#else
typedef struct {
    char nothing;
} line_constants;

TINYSEG_INLINE line_constants constants_of(const tinyseg_conv2d_mve *p)
{
    const line_constants c = {0};
    (void)p;
    return c;
}

TINYSEG_INLINE void four_pixels(const tinyseg_conv2d_mve *p, tile *t, int32_t count, line_constants c)
{
    const int8_t *w = t->weight;
    const int32_t values = 32 * p->blocks;
    (void)c;
    for (int32_t o = 0; o < count; ++o) {
        for (int32_t pixel = 0; pixel < t->pixels; ++pixel) {
            const int8_t *const x = t->x[pixel];
            uint32_t sum = (uint32_t)t->bias[o];
            for (int32_t i = 0; i < values; i += 32) {
                for (int32_t k = 0; k < 16; ++k) {
                    sum += (uint32_t)(x[i / 2 + k] * w[i + k]);
                }
            }
            t->out[pixel * p->output_step + o] = tinyseg_requantize((int32_t)sum, t->multiplier[o], &p->output);
        }
        w += (o & 1) == 0 ? 16 : values - 16;
    }
    t->weight = (count & 1) == 0 ? w : w + values - 16;
}
#endif

void tinyseg_conv2d_mve_line(const tinyseg_conv2d_mve *p, const int8_t *const *lines, void *scratch, int8_t *out)
{
    const line_constants constants = constants_of(p);
    const int32_t group_outputs = p->groups == 1u ? p->output_channels : p->output_channels / p->groups;
    const int32_t outputs = p->output_width;
    const int32_t reach = (p->kernel_width - 1) * p->dilation;
    const int32_t size = 16 * p->blocks;
    const int32_t stride = p->stride;
    const int simple = p->groups == 1u && (p->dilation == 1u || p->kernel_width == 1u);
    const int8_t *const direct = p->direct != 0u ? lines[0] : NULL;
    const int32_t bytes = p->piece_channels[0];
    const int32_t width = p->input_width * bytes;
    int32_t column = -(int32_t)p->pad_left;
    tile t;
    for (int32_t x = 0; x < outputs; x += 4, out += 4 * p->output_step, column += 4 * stride) {
        const int32_t pixels = outputs - x < 4 ? outputs - x : 4;
        const int inside = column >= 0 && column + (pixels - 1) * stride + reach < p->input_width;
        t.pixels = pixels;
        t.weight = p->weight;
        t.bias = p->bias;
        t.multiplier = p->multiplier;
        t.out = out;
        if (inside && direct != NULL && (column + (pixels - 1) * stride) * bytes + size <= width) {
            const int32_t step = stride * bytes;
            t.x[0] = direct + column * bytes;
            t.x[1] = t.x[0] + (pixels > 1 ? step : 0);
            t.x[2] = t.x[1] + (pixels > 2 ? step : 0);
            t.x[3] = t.x[2] + (pixels > 3 ? step : 0);
            four_pixels(p, &t, group_outputs, constants);
            continue;
        }
        for (int32_t i = 0; i < 4; ++i) {
            t.x[i] = (int8_t *)scratch + (i < pixels ? i * size : 0);
        }
        if (inside && simple) {
            lay_out_four(p, lines, column, scratch, pixels);
            four_pixels(p, &t, group_outputs, constants);
            continue;
        }
        for (int32_t group = 0, o = 0; group < p->groups; ++group, o += group_outputs) {
            for (int32_t i = 0; i < pixels; ++i) {
                lay_out(p, lines, group, column + i * stride, (int8_t *)scratch + i * size);
            }
            t.bias = p->bias + o;
            t.multiplier = p->multiplier + o;
            t.out = out + o;
            four_pixels(p, &t, group_outputs, constants);
        }
    }
}
