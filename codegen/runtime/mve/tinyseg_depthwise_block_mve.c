/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution for cores with the vector extension. */
#include "tinyseg_depthwise_block_mve.h"

#include "tinyseg_mve.h"

#if TINYSEG_MVE
/* What a block's pixels have in common. The assembler knows the order of the fields. */
typedef struct {
    int32_t pairs;
    int32_t lanes;
    int32_t single;
    int32_t zero_point;
    int32_t minimum;
    int32_t maximum;
    const int8_t *weight;
    const int32_t *bias;
    const float *multiplier;
    int32_t *at; /* where the pixel of each tap is */
    int32_t *step; /* how far it moves from one output pixel to the next */
    const int8_t *padding;
    int32_t channel; /* the block's first */
    int32_t whole; /* vectors of 16 channels are read */
    int32_t moved; /* bytes from the taps to those of the first pixel */
} block;

/* q4 to q7: sums of channels 0 4 8 12, 2 6 10 14, 1 5 9 13 and 3 7 11 15. */
#define ADD_TO_SUMS \
    "vmovlb.s16 q1, q2\n\t" \
    "vadd.i32 q4, q4, q1\n\t" \
    "vmovlt.s16 q2, q2\n\t" \
    "vadd.i32 q5, q5, q2\n\t" \
    "vmovlb.s16 q1, q0\n\t" \
    "vadd.i32 q6, q6, q1\n\t" \
    "vmovlt.s16 q0, q0\n\t" \
    "vadd.i32 q7, q7, q0\n\t"
/* Two taps; the second pixel is loaded twice for want of a register. */
#define TWO_TAPS(load) \
    "ldrd %[x], %[y], [%[at]], #8\n\t" \
    "add %[x], %[x], %[moved]\n\t" \
    "add %[y], %[y], %[moved]\n\t" load(q0, x) \
    "vldrb.8 q1, [%[w]], #16\n\t" \
    "vmullb.s8 q2, q0, q1\n\t" \
    "vmullt.s8 q0, q0, q1\n\t" load(q1, y) \
    "vldrb.8 q3, [%[w]], #16\n\t" \
    "vmullb.s8 q1, q1, q3\n\t" \
    "vadd.i16 q2, q2, q1\n\t" load(q1, y) \
    "vmullt.s8 q1, q1, q3\n\t" \
    "vadd.i16 q0, q0, q1\n\t" ADD_TO_SUMS
#define ONE_TAP(load) \
    "ldr %[x], [%[at]]\n\t" \
    "add %[x], %[x], %[moved]\n\t" load(q0, x) \
    "vldrb.8 q1, [%[w]]\n\t" \
    "vmullb.s8 q2, q0, q1\n\t" \
    "vmullt.s8 q0, q0, q1\n\t" ADD_TO_SUMS
#define SCALE(q, offset) \
    "vldrw.32 q0, [%[at], #" #offset "]\n\t" \
    "vcvt.f32.s32 " #q ", " #q "\n\t" \
    "vmul.f32 " #q ", " #q ", q0\n\t" \
    "vcvtn.s32.f32 " #q ", " #q "\n\t"
#define WHOLE(q, x) "vldrb.8 " #q ", [%[" #x "]]\n\t"
#define PART(q, x) "vpst\n\tvldrbt.8 " #q ", [%[" #x "]]\n\t"
/* `pixels` of the block; the taps of each lie `move` bytes beyond those of the one before. */
#define PIXELS(load) \
    __asm__ volatile("ldr %[x], [%[b], #4]\n\t" \
                     "vmsr p0, %[x]\n" \
                     "0:\n\t" \
                     "ldrd %[w], %[y], [%[b], #24]\n\t" \
                     "ldr %[x], [%[b]]\n\t" \
                     "ldr %[at], [%[b], #36]\n\t" \
                     "vldrw.32 q4, [%[y]]\n\t" \
                     "vldrw.32 q5, [%[y], #16]\n\t" \
                     "vldrw.32 q6, [%[y], #32]\n\t" \
                     "vldrw.32 q7, [%[y], #48]\n\t" \
                     "wls lr, %[x], 2f\n" \
                     "1:\n\t" TWO_TAPS(load) \
                     "le lr, 1b\n" \
                     "2:\n\t" \
                     "ldr %[x], [%[b], #8]\n\t" \
                     "cbz %[x], 3f\n\t" ONE_TAP(load) \
                     "3:\n\t" \
                     "ldr %[at], [%[b], #32]\n\t" SCALE(q4, 0) SCALE(q5, 16) SCALE(q6, 32) SCALE(q7, 48) \
                     "ldrd %[x], %[y], [%[b], #12]\n\t" \
                     "vqmovnb.s32 q0, q4\n\t" \
                     "vqmovnt.s32 q0, q5\n\t" \
                     "vqmovnb.s32 q1, q6\n\t" \
                     "vqmovnt.s32 q1, q7\n\t" \
                     "vqadd.s16 q0, q0, %[x]\n\t" \
                     "vqadd.s16 q1, q1, %[x]\n\t" \
                     "ldr %[x], [%[b], #20]\n\t" \
                     "vqmovnb.s16 q2, q0\n\t" \
                     "vqmovnt.s16 q2, q1\n\t" \
                     "vdup.8 q0, %[y]\n\t" \
                     "vdup.8 q1, %[x]\n\t" \
                     "vmax.s8 q2, q2, q0\n\t" \
                     "vmin.s8 q2, q2, q1\n\t" \
                     "vpst\n\t" \
                     "vstrbt.8 q2, [%[out]]\n\t" \
                     "subs %[pixels], %[pixels], #1\n\t" \
                     "add %[out], %[out], %[channels]\n\t" \
                     "add %[moved], %[moved], %[move]\n\t" \
                     "bne.w 0b" \
                     : [at] "=&r"(at), [w] "=&r"(w), [x] "=&l"(x), [y] "=&r"(y), [out] "+r"(out), \
                       [pixels] "+r"(pixels), [moved] "+r"(moved) \
                     : [b] "r"(b), [channels] "r"(channels), [move] "r"(move) \
                     : "lr", "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "p0", "cc", "memory")

/* Finds the taps of the window at `column`. Returns whether all lie in the map. */
TINYSEG_INNER int place_taps(
    const tinyseg_depthwise_block_mve *p, const int8_t *const *lines, const block *b, int32_t column)
{
    const int32_t channels = p->channels;
    const int32_t taps = p->kernel_width;
    const uint32_t every = p->spread != 0u ? 2u : 1u; /* those between stay in the padding */
    const int32x4_t tap = vreinterpretq_s32_u32(vidupq_n_u32(0, 1));
    const uint32x4_t place = vmulq_n_u32(vreinterpretq_u32_s32(tap), every);
    const int32x4_t columns = vmulq_n_s32(tap, p->dilation);
    const int32x4_t padding = vdupq_n_s32((int32_t)b->padding);
    const int32x4_t move = vdupq_n_s32(p->stride * channels);
    const int8_t *const *const end = lines + p->kernel_height;
    int32_t *at = b->at;
    int32_t *step = b->step;
    uint32_t outside = p->spread;
    while (lines != end) {
        const int8_t *const line = *lines++;
        const uint32_t width = line != NULL ? p->input_width : 0u;
        int32_t x = column;
        for (int32_t left = taps; left > 0; left -= 4, x += 4 * p->dilation) {
            const mve_pred16_t there = vctp32q((uint32_t)left);
            const int32x4_t xs = vaddq_n_s32(columns, x);
            const mve_pred16_t inside = vcmphiq_u32(vdupq_n_u32(width), vreinterpretq_u32_s32(xs));
            const int32x4_t values = vaddq_n_s32(vmulq_n_s32(xs, channels), (int32_t)line + b->channel);
            vstrwq_scatter_shifted_offset_p_s32(at, place, vpselq_s32(values, padding, inside), there);
            vstrwq_scatter_shifted_offset_p_s32(step, place, vpselq_s32(move, vdupq_n_s32(0), inside), there);
            outside |= there & ~(uint32_t)inside;
            at += every * (left < 4 ? (uint32_t)left : 4u);
            step += every * (left < 4 ? (uint32_t)left : 4u);
        }
    }
    return outside == 0u;
}

/* Goes on by an output pixel; taps in the padding stay. */
TINYSEG_INNER void move_taps(int32_t *at, const int32_t *step, int32_t vectors)
{
    for (; vectors > 0; --vectors, at += 4, step += 4) {
        vstrwq_s32(at, vaddq_s32(vldrwq_s32(at), vldrwq_s32(step)));
    }
}

TINYSEG_INNER void block_pixels(const block *b, int32_t channels, int32_t move, int32_t pixels, int8_t *out)
{
    int32_t moved = b->moved;
    int32_t x, y;
    const void *at;
    const int8_t *w;
    if (b->whole != 0) {
        PIXELS(WHOLE);
    } else {
        PIXELS(PART);
    }
}

/* `pixels` of fewer than 16 channels, whose windows lie in the map: vectors are read whole where they end in the line.
 * `room`: columns where a window may begin, from the first one's. */
static void narrow_pixels(block *b, int32_t channels, int32_t stride, int32_t room, int32_t pixels, int8_t *out)
{
    const int32_t move = stride * channels;
    const int32_t inside = room - 15 / channels;
    int32_t whole = inside > 0 ? (inside - 1) / stride + 1 : 0;
    whole = whole < pixels ? whole : pixels;
    if (whole > 0) {
        b->whole = 1;
        block_pixels(b, channels, move, whole, out);
        b->whole = 0;
    }
    if (whole < pixels) {
        b->moved = whole * move;
        block_pixels(b, channels, move, pixels - whole, out + whole * channels);
        b->moved = 0;
    }
}

static void block_line(const tinyseg_depthwise_block_mve *p, const int8_t *const *lines, block *b, int8_t *out)
{
    const int32_t channels = p->channels;
    const int32_t stride = p->stride;
    const int32_t vectors = (p->taps + 3) / 4;
    const int32_t beyond = p->input_width - (p->kernel_width - 1) * p->dilation;
    int32_t column = -(int32_t)p->pad_left;
    int32_t left = p->output_width;
    while (left > 0) {
        int32_t pixels = 1; /* that have their taps at the same places of the map or the padding */
        if (column >= 0 && column < beyond) {
            pixels = (beyond - 1 - column) / stride + 1;
            pixels = pixels < left ? pixels : left;
        }
        left -= pixels;
        column += pixels * stride;
        if (place_taps(p, lines, b, column - pixels * stride)) {
            if (channels < 16) {
                narrow_pixels(b, channels, stride, beyond - (column - pixels * stride), pixels, out);
            } else {
                block_pixels(b, channels, stride * channels, pixels, out);
            }
            out += pixels * channels;
            continue;
        }
        for (;;) {
            block_pixels(b, channels, 0, 1, out);
            out += channels;
            if (--pixels == 0) {
                break;
            }
            move_taps(b->at, b->step, vectors);
        }
    }
}

void tinyseg_depthwise_block_mve_line(
    const tinyseg_depthwise_block_mve *p, const int8_t *const *lines, void *scratch, int8_t *out)
{
    const int32_t channels = p->channels;
    const int32_t words = (p->taps + 3) & ~3;
    int8_t *const padding = (int8_t *)((int32_t *)scratch + 2 * words);
    block b;
    b.pairs = p->taps >> 1;
    b.single = p->taps & 1;
    b.zero_point = p->output.zero_point;
    b.minimum = p->output.minimum;
    b.maximum = p->output.maximum;
    b.at = scratch;
    b.step = b.at + words;
    b.padding = padding;
    b.lanes = channels >= 16 ? 0xFFFF : (1 << channels) - 1;
    b.whole = channels >= 16;
    b.moved = 0;
    b.weight = p->weight;
    b.bias = p->bias;
    b.multiplier = p->multiplier;
    vst1q_s8(padding, vdupq_n_s8((int8_t)p->input_zero_point));
    for (int32_t i = 0; i < words; ++i) {
        b.at[i] = (int32_t)padding;
        b.step[i] = 0;
    }
    for (int32_t c = 0; c < channels; c += 16) {
        b.channel = c + 16 > channels && channels > 16 ? channels - 16 : c;
        block_line(p, lines, &b, out + b.channel);
        b.weight += 16 * p->taps;
        b.bias += 16;
        b.multiplier += 16;
    }
}
#else
void tinyseg_depthwise_block_mve_line(
    const tinyseg_depthwise_block_mve *p, const int8_t *const *lines, void *scratch, int8_t *out)
{
    static const int8_t first[4] = {0, 8, 4, 12}; /* lanes of channels 0 to 3; of the next four the next lanes */
    const int32_t channels = p->channels;
    const int32_t every = p->spread != 0u ? 2 : 1;
    int32_t column = -(int32_t)p->pad_left;
    (void)scratch;
    for (int32_t x = 0; x < p->output_width; ++x, column += p->stride, out += channels) {
        for (int32_t c = 0; c < channels; c += 16) {
            const int32_t channel = c + 16 > channels && channels > 16 ? channels - 16 : c;
            for (int32_t k = 0; k < 16 && channel + k < channels; ++k) {
                const int32_t lane = c + first[k % 4] + k / 4;
                uint32_t sum = (uint32_t)p->bias[lane];
                for (int32_t tap = 0; tap < p->kernel_height * p->kernel_width; ++tap) {
                    const int8_t *const line = lines[tap / p->kernel_width];
                    const int32_t at = column + tap % p->kernel_width * p->dilation;
                    const int inside = line != NULL && at >= 0 && at < p->input_width;
                    const int32_t value = inside ? line[at * channels + channel + k] : p->input_zero_point;
                    sum += (uint32_t)(value * p->weight[c * p->taps + tap * every * 16 + k]);
                }
                out[channel + k] = tinyseg_requantize((int32_t)sum, p->multiplier[lane], &p->output);
            }
        }
    }
}
#endif
