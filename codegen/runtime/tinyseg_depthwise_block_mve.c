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
    "ldrd %[x], %[y], [%[at]], #8\n\t" load(q0, x) \
    "vldrb.8 q1, [%[w]], #16\n\t" \
    "vmullb.s8 q2, q0, q1\n\t" \
    "vmullt.s8 q0, q0, q1\n\t" load(q1, y) \
    "vldrb.8 q3, [%[w]], #16\n\t" \
    "vmullb.s8 q1, q1, q3\n\t" \
    "vadd.i16 q2, q2, q1\n\t" load(q1, y) \
    "vmullt.s8 q1, q1, q3\n\t" \
    "vadd.i16 q0, q0, q1\n\t" ADD_TO_SUMS
#define ONE_TAP(load) \
    "ldr %[x], [%[at]]\n\t" load(q0, x) \
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
/* A pixel of the block. */
#define PIXEL(load) \
    __asm__ volatile("ldrd %[x], %[y], [%[b]]\n\t" \
                     "vmsr p0, %[y]\n\t" \
                     "ldrd %[w], %[y], [%[b], #24]\n\t" \
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
                     "cmp %[x], #0\n\t" \
                     "beq 3f\n\t" ONE_TAP(load) \
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
                     "vstrbt.8 q2, [%[out]]" \
                     : [at] "=&r"(at), [w] "=&r"(w), [x] "=&r"(x), [y] "=&r"(y) \
                     : [b] "r"(b), [out] "r"(out) \
                     : "lr", "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "p0", "cc", "memory")

/* Finds the taps of the window at `column`. Returns whether all lie in the map. */
TINYSEG_INNER int place_taps(
    const tinyseg_depthwise_block_mve *p, const int8_t *const *lines, const block *b, int32_t column)
{
    const int32_t channels = p->channels;
    const int32_t move = p->stride * channels;
    int32_t *at = b->at;
    int32_t *step = b->step;
    int all = p->spread == 0u;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        const int8_t *const line = lines[row];
        int32_t x = column;
        for (int32_t tap = 0; tap < p->kernel_width; ++tap, x += p->dilation) {
            const int inside = line != NULL && x >= 0 && x < p->input_width;
            *at++ = (int32_t)(inside ? line + x * channels + b->channel : b->padding);
            *step++ = inside ? move : 0;
            all = all && inside;
            if (p->spread != 0u) {
                *at++ = (int32_t)b->padding;
                *step++ = 0;
            }
        }
    }
    return all;
}

/* Goes on by an output pixel, with taps that all lie in the map. */
TINYSEG_INLINE void move_all_taps(int32_t *at, int32_t vectors, int32_t move)
{
    __asm__ volatile("dls lr, %[vectors]\n"
                     "1:\n\t"
                     "vldrw.32 q0, [%[at]]\n\t"
                     "vadd.i32 q0, q0, %[move]\n\t"
                     "vstrw.32 q0, [%[at]], #16\n\t"
                     "le lr, 1b"
                     : [at] "+r"(at)
                     : [vectors] "r"(vectors), [move] "r"(move)
                     : "lr", "q0", "cc", "memory");
}

/* The same where some lie in the padding and stay. */
TINYSEG_INNER void move_taps(int32_t *at, const int32_t *step, int32_t vectors)
{
    for (; vectors > 0; --vectors, at += 4, step += 4) {
        vstrwq_s32(at, vaddq_s32(vldrwq_s32(at), vldrwq_s32(step)));
    }
}

TINYSEG_INNER void block_line(
    const tinyseg_depthwise_block_mve *p, const int8_t *const *lines, const block *b, int8_t *out)
{
    const int32_t channels = p->channels;
    const int32_t stride = p->stride;
    const int32_t move = stride * channels;
    const int32_t vectors = (p->taps + 3) / 4;
    const int32_t beyond = p->input_width - (p->kernel_width - 1) * p->dilation;
    const int8_t *const end = out + p->output_width * channels;
    int32_t column = -(int32_t)p->pad_left;
    int follows = 0; /* on a window that lay inside the line, as this one does */
    int all = 0;
    for (; out != end; out += channels, column += stride) {
        const int inside = column >= 0 && column < beyond;
        int32_t x, y;
        const void *at;
        const int8_t *w;
        if (!(inside && follows)) {
            all = place_taps(p, lines, b, column);
        } else if (all) {
            move_all_taps(b->at, vectors, move);
        } else {
            move_taps(b->at, b->step, vectors);
        }
        follows = inside;
        if (channels >= 16) {
            PIXEL(WHOLE);
        } else {
            PIXEL(PART);
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
    b.weight = p->weight;
    b.bias = p->bias;
    b.multiplier = p->multiplier;
    vst1q_s8(padding, vdupq_n_s8((int8_t)p->input_zero_point));
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
