/* Convolution for cores that multiply one pair at a time. */
#include "tinyseg_conv2d_v7m.h"

typedef tinyseg_segment_of_two segment;

#if defined(__GNUC__) && defined(__thumb2__) && !defined(TINYSEG_NO_ASSEMBLER)
#define ASSEMBLER 1
#else
#define ASSEMBLER 0
#endif

/* Adds a[i] * w[4 * i + k] to sums[k] and b[i] * w[4 * i + k] to sums[4 + k] for i of all segments; sums start at
 * bias[k]. Returns the weights that follow. */
#if ASSEMBLER
/* r0 a, r1 b, r2 weights, r4-r11 sums, r3 r12 lr operands. Stack: next segment, end of segments, fours, end, sums. */
#define ELEMENT \
    "ldrsb r3, [r0], #1\n\t" \
    "ldrsb r12, [r1], #1\n\t" \
    "ldrsb lr, [r2], #1\n\t" \
    "mla r4, r3, lr, r4\n\t" \
    "mla r8, r12, lr, r8\n\t" \
    "ldrsb lr, [r2], #1\n\t" \
    "mla r5, r3, lr, r5\n\t" \
    "mla r9, r12, lr, r9\n\t" \
    "ldrsb lr, [r2], #1\n\t" \
    "mla r6, r3, lr, r6\n\t" \
    "mla r10, r12, lr, r10\n\t" \
    "ldrsb lr, [r2], #1\n\t" \
    "mla r7, r3, lr, r7\n\t" \
    "mla r11, r12, lr, r11\n\t"

__attribute__((naked, noinline)) static const int8_t *sum_4x2(
    __attribute__((unused)) const segment *first,
    __attribute__((unused)) const segment *last,
    __attribute__((unused)) const int8_t *w,
    __attribute__((unused)) int32_t *sums,
    __attribute__((unused)) const int32_t *bias)
{
    __asm__ volatile("push {r4-r11, lr}\n\t"
                     "ldr r12, [sp, #36]\n\t"
                     "push {r0, r1, r2, r3}\n\t"
                     "sub sp, #4\n\t"
                     "str r3, [sp, #16]\n\t"
                     "strd r0, r1, [sp]\n\t"
                     "ldm r12, {r4-r7}\n\t"
                     "mov r8, r4\n\t"
                     "mov r9, r5\n\t"
                     "mov r10, r6\n\t"
                     "mov r11, r7\n"
                     "1:\n\t"
                     "ldr r3, [sp]\n\t"
                     "ldm r3!, {r0, r1, r12, lr}\n\t"
                     "str r3, [sp]\n\t"
                     "strd r12, lr, [sp, #8]\n\t"
                     "cmp r0, r12\n\t"
                     "beq 3f\n"
                     "2:\n\t" ELEMENT ELEMENT ELEMENT ELEMENT
                     "ldr r3, [sp, #8]\n\t"
                     "cmp r0, r3\n\t"
                     "bne 2b\n"
                     "3:\n\t"
                     "ldr r3, [sp, #12]\n\t"
                     "cmp r0, r3\n\t"
                     "beq 5f\n"
                     "4:\n\t" ELEMENT
                     "ldr r3, [sp, #12]\n\t"
                     "cmp r0, r3\n\t"
                     "bne 4b\n"
                     "5:\n\t"
                     "ldrd r3, r12, [sp]\n\t"
                     "cmp r3, r12\n\t"
                     "bne 1b\n\t"
                     "ldr r3, [sp, #16]\n\t"
                     "stm r3, {r4-r11}\n\t"
                     "mov r0, r2\n\t"
                     "add sp, #20\n\t"
                     "pop {r4-r11, pc}");
}
#else
static const int8_t *sum_4x2(
    const segment *first, const segment *last, const int8_t *w, int32_t *sums, const int32_t *bias)
{
    for (int32_t k = 0; k < 4; ++k) {
        sums[k] = sums[4 + k] = bias[k];
    }
    for (; first != last; ++first) {
        const int8_t *b = first->b;
        for (const int8_t *a = first->a; a != first->end; w += 4) {
            const int32_t u = *a++;
            const int32_t v = *b++;
            for (int32_t k = 0; k < 4; ++k) {
                sums[k] += u * w[k];
                sums[4 + k] += v * w[k];
            }
        }
    }
    return w;
}
#endif

#define ONE_ELEMENT(i) \
    s0 += a[i] * w[4 * (i)]; \
    s1 += a[i] * w[4 * (i) + 1]; \
    s2 += a[i] * w[4 * (i) + 2]; \
    s3 += a[i] * w[4 * (i) + 3]

/* The same for the first pixel alone. */
TINYSEG_INNER const int8_t *sum_4x1(
    const segment *first, const segment *last, const int8_t *w, int32_t *sums, const int32_t *bias)
{
    int32_t s0 = bias[0];
    int32_t s1 = bias[1];
    int32_t s2 = bias[2];
    int32_t s3 = bias[3];
    for (; first != last; ++first) {
        const int8_t *const fours = first->fours;
        const int8_t *const end = first->end;
        const int8_t *a = first->a;
        for (; a != fours; a += 4, w += 16) {
            ONE_ELEMENT(0);
            ONE_ELEMENT(1);
            ONE_ELEMENT(2);
            ONE_ELEMENT(3);
        }
        for (; a != end; ++a, w += 4) {
            ONE_ELEMENT(0);
        }
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
    return w;
}

#define TWO_ELEMENTS(i) \
    a0 += a[i] * w[2 * (i)]; \
    b0 += b[i] * w[2 * (i)]; \
    a1 += a[i] * w[2 * (i) + 1]; \
    b1 += b[i] * w[2 * (i) + 1]

/* Two output channels of two pixels: a[i] * w[2 * i + k] to sums[k] and b[i] * w[2 * i + k] to sums[4 + k]. */
TINYSEG_INNER const int8_t *sum_2x2(
    const segment *first, const segment *last, const int8_t *w, int32_t *sums, const int32_t *bias)
{
    int32_t a0 = bias[0];
    int32_t a1 = bias[1];
    int32_t b0 = a0;
    int32_t b1 = a1;
    for (; first != last; ++first) {
        const int8_t *const fours = first->fours;
        const int8_t *const end = first->end;
        const int8_t *a = first->a;
        const int8_t *b = first->b;
        for (; a != fours; a += 4, b += 4, w += 8) {
            TWO_ELEMENTS(0);
            TWO_ELEMENTS(1);
            TWO_ELEMENTS(2);
            TWO_ELEMENTS(3);
        }
        for (; a != end; ++a, ++b, w += 2) {
            TWO_ELEMENTS(0);
        }
    }
    sums[0] = a0;
    sums[1] = a1;
    sums[4] = b0;
    sums[5] = b1;
    return w;
}

/* One output channel of two pixels. */
TINYSEG_INNER const int8_t *sum_1x2(
    const segment *first, const segment *last, const int8_t *w, int32_t *sums, const int32_t *bias)
{
    int32_t s = bias[0];
    int32_t t = s;
    for (; first != last; ++first) {
        const int8_t *const fours = first->fours;
        const int8_t *const end = first->end;
        const int8_t *b = first->b;
        const int8_t *a = first->a;
        for (; a != fours; a += 4, b += 4, w += 4) {
            s += a[0] * w[0] + a[1] * w[1] + a[2] * w[2] + a[3] * w[3];
            t += b[0] * w[0] + b[1] * w[1] + b[2] * w[2] + b[3] * w[3];
        }
        for (; a != end; ++w) {
            s += *a++ * *w;
            t += *b++ * *w;
        }
    }
    sums[0] = s;
    sums[4] = t;
    return w;
}

/* Lists the segments of the pixels whose windows begin at input columns `column` and `column + next`; returns their
 * end. */
static const segment *list_segments(
    const tinyseg_conv2d_v7m *p, const int8_t *const *lines, int32_t column, int32_t next, segment *segments)
{
    const int32_t rows = p->kernel_height;
    const int32_t pieces = p->pieces;
    const int32_t width = p->input_width;
    const int32_t dilation = p->dilation;
    const int32_t taps = p->kernel_width;
    const int inside = dilation == 1 && column >= 0 && column + next + taps <= width;
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t piece = 0; piece < pieces; ++piece) {
            const int32_t channels = p->piece_channels[piece];
            const int8_t *const line = *lines++;
            if (inside && line != NULL) {
                const int32_t n = taps * channels;
                segments->a = line + column * channels;
                segments->b = segments->a + next * channels;
                segments->fours = segments->a + (n & ~3);
                segments->end = segments->a + n;
                ++segments;
                continue;
            }
            for (int32_t tap = 0; tap < taps; ++tap, ++segments) {
                const int32_t x = column + tap * dilation;
                const int32_t y = x + next;
                segments->a = line != NULL && x >= 0 && x < width ? line + x * channels : p->padding;
                segments->b = line != NULL && y >= 0 && y < width ? line + y * channels : p->padding;
                segments->fours = segments->a + (channels & ~3);
                segments->end = segments->a + channels;
            }
        }
    }
    return segments;
}

/* Requantises sums of `channels` channels of two pixels. */
TINYSEG_INNER void store_two(
    const int32_t *sums, int32_t channels, const float *multiplier, const tinyseg_output *output, int8_t *a, int8_t *b)
{
    const int32_t zero_point = output->zero_point;
    const int32_t minimum = output->minimum;
    const int32_t maximum = output->maximum;
    const int narrow = tinyseg_narrow(output);
    for (const int32_t *const end = sums + channels; sums != end; ++sums) {
        const tinyseg_scale scale = tinyseg_scale_of(*multiplier++);
        const int32_t x = tinyseg_scaled_to(sums[0], scale, zero_point);
        const int32_t y = tinyseg_scaled_to(sums[4], scale, zero_point);
        *a++ = tinyseg_within(x, narrow, minimum, maximum);
        *b++ = tinyseg_within(y, narrow, minimum, maximum);
    }
}

/* The same of one pixel. */
TINYSEG_INNER void store_one(
    const int32_t *sums, int32_t channels, const float *multiplier, const tinyseg_output *output, int8_t *out)
{
    for (int32_t k = 0; k < channels; ++k) {
        out[k] = tinyseg_requantize(sums[k], multiplier[k], output);
    }
}

void tinyseg_conv2d_v7m_line(
    const tinyseg_conv2d_v7m *p, const int8_t *const *lines, tinyseg_segment_of_two *segments, int8_t *out)
{
    const int32_t stride = p->stride;
    const int32_t pixels = p->output_width;
    const int32_t outputs = p->output_channels;
    int32_t column = -(int32_t)p->pad_left;
    for (int32_t x = 0; x < pixels; x += 2, column += 2 * stride, out += 2 * p->output_step) {
        const int two = x + 1 < pixels;
        const segment *const end = list_segments(p, lines, column, two ? stride : 0, segments);
        const int8_t *w = p->weight;
        for (int32_t o = 0; o < outputs; o += 4) {
            const int32_t rest = outputs - o;
            const int32_t *const bias = p->bias + o;
            int32_t sums[8];
            if (rest >= 3) {
                w = two ? sum_4x2(segments, end, w, sums, bias) : sum_4x1(segments, end, w, sums, bias);
            } else {
                w = rest == 2 ? sum_2x2(segments, end, w, sums, bias) : sum_1x2(segments, end, w, sums, bias);
            }
            if (two) {
                store_two(sums, rest < 4 ? rest : 4, p->multiplier + o, &p->output, out + o, out + p->output_step + o);
            } else {
                store_one(sums, rest < 4 ? rest : 4, p->multiplier + o, &p->output, out + o);
            }
        }
    }
}
