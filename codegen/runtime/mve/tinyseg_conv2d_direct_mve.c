/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution for cores with the vector extension, without scratch memory. */
#include "tinyseg_conv2d_direct_mve.h"

#include "tinyseg_mve.h"

/* What three pixels have in common. The assembler knows the order of the fields. */
typedef struct {
    const tinyseg_segment_of_three *segments;
    const int8_t *weight;
    int32_t values; /* from a channel's weights to the next's; 0 for a last one without a neighbour */
    const int32_t *bias;
    const float *multiplier;
    int8_t *out;
    int32_t channels;
    int32_t zero_point;
    uint32_t lanes; /* predicate: those that are stored */
    int32_t pixels; /* of the three, those that exist */
} tile;

#if TINYSEG_MVE
/* Two channels of three pixels at a time, until t->channels is used up. Sums of the first channel are in r0, r4 and r8,
 * of the second in r2, r6 and r10 (only even registers can sum); the tile's address waits in s28. */
TINYSEG_INLINE void channel_pairs(tile *tile_pointer, uint16x8_t place, int16x8_t minimum, int16x8_t maximum)
{
    register tile *t __asm__("r11") = tile_pointer;
    register uint16x8_t q4 __asm__("q4") = place;
    register int16x8_t q5 __asm__("q5") = minimum;
    register int16x8_t q6 __asm__("q6") = maximum;
    __asm__ volatile("vmov s28, r11\n\t"
                     "ldr r0, [r11, #32]\n\t"
                     "vmsr p0, r0\n"
                     "1:\n\t"
                     "ldrd r7, r9, [r11, #4]\n\t"
                     "ldr r1, [r11, #12]\n\t"
                     "ldr r12, [r11]\n\t"
                     "ldrd r0, r2, [r1], #8\n\t"
                     "str r1, [r11, #12]\n\t"
                     "add r9, r9, r7\n\t"
                     "mov r4, r0\n\t"
                     "mov r6, r2\n\t"
                     "mov r8, r0\n\t"
                     "mov r10, r2\n"
                     "2:\n\t"
                     "ldmia r12!, {r1, r3, r5, r11}\n\t"
                     "wlstp.8 lr, r11, 4f\n"
                     "3:\n\t"
                     "vldrb.8 q0, [r7], #16\n\t"
                     "vldrb.8 q2, [r1], #16\n\t"
                     "vmladava.s8 r0, q0, q2\n\t"
                     "vldrb.8 q1, [r9], #16\n\t"
                     "vmladava.s8 r2, q1, q2\n\t"
                     "vldrb.8 q3, [r3], #16\n\t"
                     "vmladava.s8 r4, q0, q3\n\t"
                     "vmladava.s8 r6, q1, q3\n\t"
                     "vldrb.8 q2, [r5], #16\n\t"
                     "vmladava.s8 r8, q0, q2\n\t"
                     "vmladava.s8 r10, q1, q2\n\t"
                     "letp lr, 3b\n\t"
                     "rsb r11, r11, #0\n\t" /* the weights go on where the last vector's masked bytes begin */
                     "and r11, r11, #15\n\t"
                     "sub r7, r7, r11\n\t"
                     "sub r9, r9, r11\n\t"
                     "b 2b\n"
                     "4:\n\t"
                     "vmov d0, r0, r4\n\t"
                     "vmov d1, r8, r8\n\t"
                     "vmov d2, r2, r6\n\t"
                     "vmov d3, r10, r10\n\t"
                     "vmov r11, s28\n\t"
                     "vcvt.f32.s32 q0, q0\n\t"
                     "ldrd r1, r3, [r11, #16]\n\t"
                     "vcvt.f32.s32 q1, q1\n\t"
                     "ldrd r0, r2, [r1], #8\n\t"
                     "vmul.f32 q0, q0, r0\n\t"
                     "ldrd r4, r5, [r11, #24]\n\t"
                     "vmul.f32 q1, q1, r2\n\t"
                     "str r9, [r11, #4]\n\t"
                     "vcvtn.s32.f32 q0, q0\n\t"
                     "subs r4, r4, #2\n\t"
                     "vcvtn.s32.f32 q1, q1\n\t"
                     "str r4, [r11, #24]\n\t"
                     "vqmovnb.s32 q2, q0\n\t"
                     "vqmovnt.s32 q2, q1\n\t"
                     "vqadd.s16 q2, q2, r5\n\t"
                     "add r6, r3, #2\n\t"
                     "vmax.s16 q2, q2, q5\n\t"
                     "strd r1, r6, [r11, #16]\n\t"
                     "vmin.s16 q2, q2, q6\n\t"
                     "vpst\n\t"
                     "vstrbt.16 q2, [r3, q4]\n\t"
                     "bgt.w 1b"
                     : "+r"(t)
                     : "w"(q4), "w"(q5), "w"(q6)
                     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r12", "lr", "q0", "q1",
                       "q2", "q3", "s28", "p0", "cc", "memory");
}

/* All channels of the pixels. */
TINYSEG_INNER void three_pixels(const tinyseg_conv2d_direct_mve *p, tile *t)
{
    const uint16x8_t lane = vidupq_n_u16(0, 1);
    const uint16x8_t pixel = vmulq_n_u16(vshrq_n_u16(lane, 1), p->output_step);
    const uint16x8_t place = vaddq_u16(pixel, vandq_u16(lane, vdupq_n_u16(1)));
    const int16x8_t minimum = vdupq_n_s16(p->output.minimum);
    const int16x8_t maximum = vdupq_n_s16(p->output.maximum);
    t->zero_point = p->output.zero_point;
    t->values = p->values;
    t->lanes = (1u << 4 * t->pixels) - 1u; /* a bit per byte */
    t->channels = p->output_channels & ~1;
    if (t->channels > 0) {
        channel_pairs(t, place, minimum, maximum);
    }
    if ((p->output_channels & 1u) != 0u) {
        t->values = 0;
        t->lanes &= 0x3333u;
        t->channels = 1;
        channel_pairs(t, place, minimum, maximum);
    }
}

/* Goes on with the list by so many bytes. */
TINYSEG_INLINE void move_segment(tinyseg_segment_of_three *segment, int32_t bytes)
{
    const int32x4_t move = vsetq_lane_s32(0, vdupq_n_s32(bytes), 3);
    int32_t *const at = (int32_t *)segment;
    vstrwq_s32(at, vaddq_s32(vldrwq_s32(at), move));
}
#else
TINYSEG_INNER void three_pixels(const tinyseg_conv2d_direct_mve *p, tile *t)
{
    for (int32_t o = 0; o < p->output_channels; ++o) {
        for (int32_t pixel = 0; pixel < t->pixels; ++pixel) {
            const int8_t *w = p->weight + o * p->values;
            uint32_t sum = (uint32_t)p->bias[o];
            for (const tinyseg_segment_of_three *s = t->segments; s->values != 0; ++s) {
                for (int32_t i = 0; i < s->values; ++i) {
                    sum += (uint32_t)(s->x[pixel][i] * *w++);
                }
            }
            t->out[pixel * p->output_step + o] =
                tinyseg_requantize((int32_t)sum, p->multiplier[o], &p->output);
        }
    }
}

TINYSEG_INLINE void move_segment(tinyseg_segment_of_three *segment, int32_t bytes)
{
    for (int32_t i = 0; i < 3; ++i) {
        segment->x[i] += bytes;
    }
}
#endif

/* Where the windows of three pixels are. */
typedef struct {
    const tinyseg_conv2d_direct_mve *p;
    const int8_t *const *lines;
    tinyseg_segment_of_three *segments;
    int32_t column[3]; /* input column of the first tap */
} windows;

/* Bit k: the tap of pixel k lies in the map. */
TINYSEG_INLINE uint32_t taps_inside(const windows *w, int32_t tap)
{
    const int32_t reach = tap * w->p->dilation;
    const int32_t width = w->p->input_width;
    uint32_t inside = 0;
    for (int32_t k = 0; k < 3; ++k) {
        const int32_t x = w->column[k] + reach;
        inside |= (uint32_t)(x >= 0 && x < width) << k;
    }
    return inside;
}

/* The list of windows anywhere. */
TINYSEG_INNER void list_windows(const windows *w)
{
    const tinyseg_conv2d_direct_mve *const p = w->p;
    tinyseg_segment_of_three *to = w->segments;
    int32_t piece = 0;
    for (int32_t row = 0; row < p->kernel_height * p->pieces; ++row) {
        const int8_t *const line = w->lines[row];
        const int32_t channels = p->piece_channels[piece];
        piece = piece + 1 == p->pieces ? 0 : piece + 1;
        for (int32_t tap = 0; tap < p->kernel_width;) {
            const uint32_t inside = line == NULL ? 0u : taps_inside(w, tap);
            const int32_t first = tap;
            do {
                ++tap;
            } while (p->dilation == 1u && tap < p->kernel_width && (line == NULL || taps_inside(w, tap) == inside));
            for (int32_t k = 0; k < 3; ++k) {
                to->x[k] = (inside >> k & 1u) != 0u ? line + (w->column[k] + first * p->dilation) * channels
                                                    : p->padding;
            }
            to->values = (tap - first) * channels;
            ++to;
        }
    }
    to->values = 0;
}

/* The list of the next three windows, inside the map as those before. */
TINYSEG_INLINE void move_windows(const tinyseg_conv2d_direct_mve *p, tinyseg_segment_of_three *segment)
{
    const int32_t columns = 3 * p->stride;
    const int32_t each = p->dilation == 1u ? 1 : p->kernel_width; /* segments of a row */
    if (p->pieces == 1u) {
        const int32_t bytes = columns * p->piece_channels[0];
        for (; segment->values != 0; ++segment) {
            move_segment(segment, bytes);
        }
        return;
    }
    while (segment->values != 0) {
        for (int32_t piece = 0; piece < p->pieces; ++piece) {
            const int32_t bytes = columns * p->piece_channels[piece];
            for (int32_t i = 0; i < each; ++i, ++segment) {
                move_segment(segment, bytes);
            }
        }
    }
}

void tinyseg_conv2d_direct_mve_line(
    const tinyseg_conv2d_direct_mve *p, const int8_t *const *lines, tinyseg_segment_of_three *segments, int8_t *out)
{
    const int32_t outputs = p->output_width;
    const int32_t stride = p->stride;
    const int32_t reach = (p->kernel_width - 1) * p->dilation;
    int32_t column = -(int32_t)p->pad_left;
    int whole = 1; /* no line is padding */
    int follows = 0; /* on windows inside the map, whose list is there */
    windows w;
    tile t;
    w.p = p;
    w.lines = lines;
    w.segments = segments;
    t.segments = segments;
    for (int32_t i = 0; i < p->kernel_height * p->pieces; ++i) {
        whole = whole && lines[i] != NULL;
    }
    for (int32_t x = 0; x < outputs; x += 3, out += 3 * p->output_step, column += 3 * stride) {
        const int32_t pixels = outputs - x < 3 ? outputs - x : 3;
        const int inside = whole && column >= 0 && column + (pixels - 1) * stride + reach < p->input_width;
        if (inside && follows && pixels == 3) {
            move_windows(p, segments);
        } else {
            for (int32_t k = 0; k < 3; ++k) {
                w.column[k] = column + (k < pixels ? k * stride : 0);
            }
            list_windows(&w);
        }
        follows = inside;
        t.pixels = pixels;
        t.weight = p->weight;
        t.bias = p->bias;
        t.multiplier = p->multiplier;
        t.out = out;
        three_pixels(p, &t);
    }
}
