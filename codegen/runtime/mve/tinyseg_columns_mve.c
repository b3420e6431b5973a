/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of several lines side by side, for cores with the vector extension. */
#include "tinyseg_columns_mve.h"

#include "tinyseg_mve.h"

/* Writes each value of a line to its place: `places` are those of `block` values; `step` is from block to block. */
TINYSEG_INLINE void spread(
    int8_t *to, const int8_t *from, int32_t values, const uint16_t *places, int32_t block, int32_t step)
{
    while (values > 0) {
        const int32_t n = values < block ? values : block;
#if TINYSEG_MVE
        const uint16_t *place = places;
        __asm__ volatile("dlstp.16 lr, %[n]\n"
                         "1:\n\t"
                         "vldrb.s16 q0, [%[from]], #8\n\t"
                         "vldrh.u16 q1, [%[place]], #16\n\t"
                         "vstrb.16 q0, [%[to], q1]\n\t"
                         "letp lr, 1b"
                         : [from] "+l"(from), [place] "+r"(place)
                         : [to] "r"(to), [n] "r"(n)
                         : "lr", "q0", "q1", "cc", "memory");
#else
        for (int32_t i = 0; i < n; ++i) {
            to[places[i]] = *from++;
        }
#endif
        values -= n;
        to += step;
    }
}

void tinyseg_columns_mve_lay_out(const tinyseg_columns_mve *p, const int8_t *const *lines, int8_t *to)
{
    const int32_t total = p->total;
    const int32_t count = p->rows * p->pieces;
    const int32_t zero_point = p->zero_point;
    int whole = 1;
    for (int32_t i = 0; i < count; ++i) {
        whole = whole && lines[i] != NULL;
    }
    if (whole) {
        tinyseg_fill_16(to, zero_point, p->before * total);
        tinyseg_fill_16(to + (p->before + p->width) * total, zero_point, p->after * total);
    } else {
        tinyseg_fill_16(to, zero_point, (p->before + p->width + p->after) * total);
    }
    to += p->before * total;
    for (int32_t row = 0; row < p->rows; ++row) {
        const uint16_t *places = p->places;
        for (int32_t piece = 0; piece < p->pieces; ++piece) {
            const int32_t channels = p->channels[piece];
            const int32_t columns = 8 * ((channels + 7) / channels);
            const int8_t *const line = *lines++;
            if (line != NULL) {
                spread(to, line, p->width * channels, places, columns * channels, columns * total);
            }
            places += columns * channels;
            to += channels;
        }
    }
}
