/* SPDX-License-Identifier: Apache-2.0 */
/* Products of matrices in float32. Every sum starts from 0 and takes its products in the order of the left row. */
#include "tinyseg_matmul_f32.h"

/* One sum; the right operand's elements are `step` apart. */
TINYSEG_INNER float one_sum(const float *a, const float *b, uint32_t step, uint32_t inner)
{
    float sum = 0.0f;
    for (const float *const end = a + inner; a != end; ++a, b += step) {
        sum = tinyseg_fma(*a, *b, sum);
    }
    return sum;
}

/* Sums of a row and four rows or columns, whose first elements are `next` apart. */
TINYSEG_INNER void four_sums(
    const float *a, const float *b, uint32_t step, uint32_t next, uint32_t inner, float *sums)
{
    const float *const b1 = b + next;
    const float *const b2 = b1 + next;
    const float *const b3 = b2 + next;
    float s0 = 0.0f, s1 = 0.0f, s2 = 0.0f, s3 = 0.0f;
    size_t at = 0;
    for (uint32_t k = 0; k < inner; ++k, at += step) {
        const float v = a[k];
        s0 = tinyseg_fma(v, b[at], s0);
        s1 = tinyseg_fma(v, b1[at], s1);
        s2 = tinyseg_fma(v, b2[at], s2);
        s3 = tinyseg_fma(v, b3[at], s3);
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

static void matmul_row(const tinyseg_matmul_f32 *p, const float *a, const float *b, float *out)
{
    const tinyseg_matmul_shape *const s = &p->shape;
    const uint32_t step = s->transposed != 0u ? 1u : s->rhs_row;
    const uint32_t next = s->transposed != 0u ? s->rhs_row : 1u;
    uint32_t n = 0;
    for (; n + 4u <= s->columns; n += 4u, b += 4u * next) {
        float sums[4];
        four_sums(a, b, step, next, s->inner, sums);
        tinyseg_store_four_f32(&p->clamp, out + n, sums[0], sums[1], sums[2], sums[3]);
    }
    for (; n < s->columns; ++n, b += next) {
        tinyseg_store_f32(&p->clamp, out + n, one_sum(a, b, step, s->inner));
    }
}

void tinyseg_matmul_f32_line(const tinyseg_matmul_f32 *p, const float *lhs, const float *rhs, float *out)
{
    const tinyseg_matmul_shape *const s = &p->shape;
    for (uint32_t batch = 0; batch < s->batches; ++batch) {
        for (uint32_t row = 0; row < s->rows; ++row) {
            matmul_row(p, lhs + row * s->lhs_row, rhs, out + row * s->out_row);
        }
        lhs += s->lhs_batch;
        rhs += s->rhs_batch;
        out += s->out_batch;
    }
}
