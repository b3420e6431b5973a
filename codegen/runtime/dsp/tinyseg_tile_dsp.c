/* SPDX-License-Identifier: Apache-2.0 */
#include "tinyseg_tile_dsp.h"

static void fill(int16_t *to, int32_t values, int32_t value)
{
    for (int32_t i = 0; i < values; ++i) {
        to[i] = (int16_t)value;
    }
}

void tinyseg_stage_int16(
    int16_t *to, const int8_t *from, int32_t before, int32_t values, int32_t after, int32_t zero_point)
{
    int32_t n = values;
    fill(to, before, zero_point);
    to += before;
#if TINYSEG_DSP_ASSEMBLER
#define FOUR \
    "ldr r3, [%[from]], #4\n\t" \
    "sxtb16 r4, r3\n\t" \
    "sxtb16 r5, r3, ror #8\n\t" \
    "pkhbt r3, r4, r5, lsl #16\n\t" \
    "pkhtb r4, r5, r4, asr #16\n\t" \
    "str r3, [%[to]], #4\n\t" \
    "str r4, [%[to]], #4\n\t"
    {
        const int8_t *const sixteens = from + (n & ~15);
        const int8_t *const fours = from + (n & ~3);
        __asm__ volatile("cmp %[from], %[sixteens]\n\t"
                         "beq 2f\n"
                         "1:\n\t" FOUR FOUR FOUR FOUR
                         "cmp %[from], %[sixteens]\n\t"
                         "bne 1b\n"
                         "2:\n\t"
                         "cmp %[from], %[fours]\n\t"
                         "beq 4f\n"
                         "3:\n\t" FOUR
                         "cmp %[from], %[fours]\n\t"
                         "bne 3b\n"
                         "4:"
                         : [to] "+r"(to), [from] "+r"(from)
                         : [sixteens] "r"(sixteens), [fours] "r"(fours)
                         : "r3", "r4", "r5", "cc", "memory");
        n &= 3;
    }
#undef FOUR
#endif
    for (; n > 0; --n) {
        *to++ = *from++;
    }
    fill(to, after, zero_point);
}
