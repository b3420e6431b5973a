/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layer for cores with the vector extension. */
#include "tinyseg_dense_mve.h"

#include "tinyseg_mve.h"

#if TINYSEG_MVE
/* Products of a line with the weights of four channels. */
TINYSEG_INLINE int32x4_t four_channels(const int8_t *x, int32_t elements, const int8_t *w)
{
    int32x4_t sums;
    int32_t a0 = 0;
    int32_t a1 = 0;
    int32_t a2 = 0;
    int32_t a3 = 0;
    /* The last vector's missing elements load as 0, wherever the line ends. */
    __asm__ volatile("wlstp.8 lr, %[elements], 2f\n"
                     "1:\n\t"
                     "vldrb.8 q0, [%[x]], #16\n\t"
                     "vldrb.8 q1, [%[w]], #16\n\t"
                     "vmladava.s8 %[a0], q0, q1\n\t"
                     "vldrb.8 q2, [%[w]], #16\n\t"
                     "vmladava.s8 %[a1], q0, q2\n\t"
                     "vldrb.8 q1, [%[w]], #16\n\t"
                     "vmladava.s8 %[a2], q0, q1\n\t"
                     "vldrb.8 q2, [%[w]], #16\n\t"
                     "vmladava.s8 %[a3], q0, q2\n\t"
                     "letp lr, 1b\n"
                     "2:\n\t"
                     "vmov d0, %[a0], %[a1]\n\t"
                     "vmov d1, %[a2], %[a3]\n\t"
                     "vmov %q[sums], q0"
                     : [x] "+r"(x), [w] "+r"(w), [a0] "+Te"(a0), [a1] "+Te"(a1), [a2] "+Te"(a2), [a3] "+Te"(a3),
                       [sums] "=&w"(sums)
                     : [elements] "r"(elements)
                     : "lr", "q0", "q1", "q2", "cc", "memory");
    return sums;
}
#endif

void tinyseg_dense_mve_line(
    const tinyseg_dense_mve *p, uint32_t index, const int8_t *line, int32_t *sums, int8_t *out)
{
    const int32_t outputs = p->output_channels;
    const int32_t elements = (int32_t)p->line_elements;
    const int32_t block = (elements + 15) / 16 * 64; /* bytes of weights of four channels */
    const int8_t *w = p->weight + (size_t)index * (size_t)((outputs + 3) / 4) * (size_t)block;
    const int last = index + 1u == p->lines;
    for (int32_t o = 0; o < outputs; o += 4, w += block) {
#if TINYSEG_MVE
        const mve_pred16_t lanes = vctp32q((uint32_t)(outputs - o));
        int32x4_t a = index == 0u ? vldrwq_s32(p->bias + o) : vldrwq_z_s32(sums + o, lanes);
        a = vaddq_s32(a, four_channels(line, elements, w));
        if (last) {
            a = vqaddq_n_s32(tinyseg_scale_4(a, vldrwq_f32(p->multiplier + o)), p->output.zero_point);
            a = vminq_s32(vmaxq_s32(a, vdupq_n_s32(p->output.minimum)), vdupq_n_s32(p->output.maximum));
            vstrbq_p_s32(out + o, a, lanes);
        } else {
            vstrwq_p_s32(sums + o, a, lanes);
        }
#else
        for (int32_t k = 0; k < 4 && o + k < outputs; ++k) {
            uint32_t sum = (uint32_t)(index == 0u ? p->bias[o + k] : sums[o + k]);
            for (int32_t i = 0; i < elements; ++i) {
                sum += (uint32_t)(line[i] * w[i / 16 * 64 + 16 * k + i % 16]);
            }
            if (last) {
                out[o + k] = tinyseg_requantize((int32_t)sum, p->multiplier[o + k], &p->output);
            } else {
                sums[o + k] = (int32_t)sum;
            }
        }
#endif
    }
}
