/* SPDX-License-Identifier: Apache-2.0 */
/* Max pooling for cores with the DSP extension. */
#include "tinyseg_pool2d_dsp.h"

#include "tinyseg_dsp.h"

#if TINYSEG_DSP_ASSEMBLER
#define MAX_OF_FOUR \
    "ldr %[s], [%[a]], #4\n\t" \
    "ldr %[t], [%[b]], #4\n\t" \
    "ssub8 %[u], %[s], %[t]\n\t" \
    "sel %[s], %[s], %[t]\n\t" \
    "ldr %[t], [%[c]], #4\n\t" \
    "ssub8 %[u], %[s], %[t]\n\t" \
    "sel %[s], %[s], %[t]\n\t" \
    "ldr %[t], [%[d]], #4\n\t" \
    "ssub8 %[u], %[s], %[t]\n\t" \
    "sel %[s], %[s], %[t]\n\t" \
    "str %[s], [%[out]], #4\n\t"

/* The same where b is `next` bytes behind a, and d behind c. */
#define MAX_OF_TWO_COLUMNS \
    "ldr %[t], [%[a], %[next]]\n\t" \
    "ldr %[s], [%[a]], #4\n\t" \
    "ssub8 %[u], %[s], %[t]\n\t" \
    "sel %[s], %[s], %[t]\n\t" \
    "ldr %[t], [%[c], %[next]]\n\t" \
    "ssub8 %[u], %[s], %[t]\n\t" \
    "sel %[s], %[s], %[t]\n\t" \
    "ldr %[t], [%[c]], #4\n\t" \
    "ssub8 %[u], %[s], %[t]\n\t" \
    "sel %[s], %[s], %[t]\n\t" \
    "str %[s], [%[out]], #4\n\t"
#endif

/* The largest of corresponding bytes of four addresses, for `n` bytes, at least four; the last word overlaps the one
 * before. */
TINYSEG_INLINE void max_of_four(
    int8_t *out, const int8_t *a, const int8_t *b, const int8_t *c, const int8_t *d, int32_t n)
{
    const int32_t rest = n & 3;
    int32_t words = n >> 2;
#if TINYSEG_DSP_ASSEMBLER
    uint32_t s, t, u;
    __asm__ volatile("lsrs %[n], %[n], #1\n\t"
                     "bcc 1f\n\t" MAX_OF_FOUR
                     "1:\n\t"
                     "cbz %[n], 3f\n"
                     "2:\n\t" MAX_OF_FOUR "subs %[n], %[n], #1\n\t" MAX_OF_FOUR "bne 2b\n"
                     "3:"
                     : [out] "+r"(out), [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [n] "+l"(words),
                       [s] "=&r"(s), [t] "=&r"(t), [u] "=&r"(u)
                     :
                     : "cc", "memory");
#else
    for (; words > 0; --words, out += 4, a += 4, b += 4, c += 4, d += 4) {
        const uint32_t u = tinyseg_max_4(tinyseg_load_4(a), tinyseg_load_4(b));
        tinyseg_store_4(out, tinyseg_max_4(u, tinyseg_max_4(tinyseg_load_4(c), tinyseg_load_4(d))));
    }
#endif
    if (rest != 0) {
        const int32_t back = rest - 4;
        const uint32_t x = tinyseg_max_4(tinyseg_load_4(a + back), tinyseg_load_4(b + back));
        const uint32_t y = tinyseg_max_4(tinyseg_load_4(c + back), tinyseg_load_4(d + back));
        tinyseg_store_4(out + back, tinyseg_max_4(x, y));
    }
}

/* out = the larger of out, x and y, for `n` bytes, at least four. */
TINYSEG_INNER void max_into(int8_t *out, const int8_t *x, const int8_t *y, int32_t n)
{
    for (; n >= 4; n -= 4, out += 4, x += 4, y += 4) {
        const uint32_t larger = tinyseg_max_4(tinyseg_load_4(x), tinyseg_load_4(y));
        tinyseg_store_4(out, tinyseg_max_4(tinyseg_load_4(out), larger));
    }
    for (; n > 0; --n, ++out, ++x, ++y) {
        const int8_t larger = *x > *y ? *x : *y;
        *out = larger > *out ? larger : *out;
    }
}

/* The first `held` of four taps, the others like the first. */
TINYSEG_INNER void max_of_some(int8_t *out, const int8_t **taps, int32_t held, int32_t n)
{
    for (int32_t k = held; k < 4; ++k) {
        taps[k] = taps[0];
    }
    max_of_four(out, taps[0], taps[1], taps[2], taps[3], n);
}

/* The taps of a window that lie in the line: `count` from `first` on. */
static void clip_taps(const tinyseg_pool2d *p, int32_t column, int32_t *first, int32_t *count)
{
    int32_t begin = 0;
    int32_t end = p->kernel_width;
    while (begin < end && column + begin * p->dilation < 0) {
        ++begin;
    }
    while (end > begin && column + (end - 1) * p->dilation >= p->input_width) {
        --end;
    }
    *first = begin;
    *count = end - begin;
}

/* One window: its first four taps together, the others by two. */
static void window(const tinyseg_pool2d *p, const int8_t *const *lines, int32_t column, int8_t *out)
{
    const int32_t channels = p->channels;
    const int32_t step = p->dilation * channels;
    const int8_t *taps[4];
    int32_t first;
    int32_t count;
    int32_t held = 0;
    int started = 0;
    clip_taps(p, column, &first, &count);
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        const int8_t *x = lines[row];
        if (x == NULL) {
            continue;
        }
        x += (column + first * p->dilation) * channels;
        for (int32_t tap = 0; tap < count; ++tap, x += step) {
            taps[held++] = x;
            if (started && held == 2) {
                max_into(out, taps[0], taps[1], channels);
                held = 0;
            } else if (held == 4) {
                max_of_some(out, taps, 4, channels);
                started = 1;
                held = 0;
            }
        }
    }
    if (started) {
        if (held > 0) {
            max_into(out, taps[0], taps[0], channels);
        }
    } else if (held > 0) {
        max_of_some(out, taps, held, channels);
    } else {
        memset(out, -128, (size_t)channels);
    }
}

/* `pixels` output pixels of 2 x 2 windows altogether inside the map, from `a` in the upper and `c` in the lower line. */
TINYSEG_INNER void inside_2x2(
    const tinyseg_pool2d *p, const int8_t *a, const int8_t *c, int8_t *out, int32_t pixels)
{
    const int32_t channels = p->channels;
    const int32_t next = p->dilation * channels;
    const int32_t step = p->stride * channels;
#if TINYSEG_DSP_ASSEMBLER
    const int32_t words = (channels + 3) >> 2;
    const int32_t beyond = 4 * words - channels; /* bytes that a pixel writes of the next, which writes them again */
    const int32_t together = pixels - (beyond != 0);
    if (together > 0) {
        const int32_t skip = step - 4 * words;
        int32_t count = together;
        int32_t n;
        uint32_t s, t, u;
        __asm__ volatile("1:\n\t"
                         "lsrs %[n], %[words], #1\n\t"
                         "bcc 3f\n\t" MAX_OF_TWO_COLUMNS
                         "beq 4f\n"
                         "3:\n\t" MAX_OF_TWO_COLUMNS "subs %[n], %[n], #1\n\t" MAX_OF_TWO_COLUMNS "bne 3b\n"
                         "4:\n\t"
                         "add %[a], %[a], %[skip]\n\t"
                         "add %[c], %[c], %[skip]\n\t"
                         "subs %[count], %[count], #1\n\t"
                         "sub %[out], %[out], %[beyond]\n\t"
                         "bne.w 1b"
                         : [out] "+r"(out), [a] "+r"(a), [c] "+r"(c), [n] "=&l"(n), [s] "=&r"(s), [t] "=&r"(t),
                           [u] "=&r"(u), [count] "+r"(count)
                         : [words] "r"(words), [next] "r"(next), [skip] "r"(skip), [beyond] "r"(beyond)
                         : "cc", "memory");
        if (beyond == 0) {
            return;
        }
        pixels -= together;
    }
#endif
    for (; pixels > 0; --pixels, a += step, c += step, out += channels) {
        max_of_four(out, a, a + next, c, c + next, channels);
    }
}

/* The largest of three words from x on, `step` bytes apart. */
TINYSEG_INLINE uint32_t max_of_three(const int8_t *x, int32_t step)
{
    return tinyseg_max_4(tinyseg_max_4(tinyseg_load_4(x), tinyseg_load_4(x + step)), tinyseg_load_4(x + 2 * step));
}

/* An output pixel of a window of three columns altogether inside the map, from `offset` on in three lines (two may be
 * the same). The last word overlaps the one before. */
TINYSEG_INNER void inside_3x3(
    const int8_t *const *lines, int32_t offset, int32_t channels, int32_t step, int8_t *out)
{
    const int8_t *a = lines[0] + offset;
    const int8_t *b = lines[1] + offset;
    const int8_t *c = lines[2] + offset;
    for (int32_t n = channels;;) {
        const uint32_t upper = tinyseg_max_4(max_of_three(a, step), max_of_three(b, step));
        int32_t go = 4;
        tinyseg_store_4(out, tinyseg_max_4(upper, max_of_three(c, step)));
        n -= 4;
        if (n < 4) {
            if (n <= 0) {
                return;
            }
            go = n;
            n = 4;
        }
        a += go;
        b += go;
        c += go;
        out += go;
    }
}

void tinyseg_max_pool2d_dsp_line(const tinyseg_pool2d *p, const int8_t *const *lines, int8_t *out)
{
    const int32_t channels = p->channels;
    const int32_t reach = (p->kernel_width - 1) * p->dilation;
    int32_t column = -(int32_t)p->pad_left;
    int32_t x = 0;
    if (p->kernel_height == 2u && p->kernel_width == 2u && lines[0] != NULL && lines[1] != NULL) {
        int32_t pixels = 0;
        for (; column < 0 && x < p->output_width; ++x, column += p->stride, out += channels) {
            window(p, lines, column, out);
        }
        if (column + reach < p->input_width) {
            pixels = (p->input_width - 1 - reach - column) / p->stride + 1;
            pixels = pixels > p->output_width - x ? p->output_width - x : pixels;
            inside_2x2(p, lines[0] + column * channels, lines[1] + column * channels, out, pixels);
        }
        x += pixels;
        column += pixels * p->stride;
        out += pixels * channels;
    }
    if (p->kernel_height == 3u && p->kernel_width == 3u) {
        const int8_t *three[3] = {lines[0], lines[1], lines[2]};
        const int8_t *const some = three[1] != NULL ? three[1] : three[0] != NULL ? three[0] : three[2];
        for (int32_t row = 0; row < 3; ++row) {
            three[row] = three[row] != NULL ? three[row] : some; /* padding is no larger than anything */
        }
        for (; some != NULL && x < p->output_width; ++x, column += p->stride, out += channels) {
            if (column >= 0 && column + reach < p->input_width) {
                inside_3x3(three, column * channels, channels, p->dilation * channels, out);
            } else {
                window(p, lines, column, out);
            }
        }
    }
    for (; x < p->output_width; ++x, column += p->stride, out += channels) {
        window(p, lines, column, out);
    }
}
