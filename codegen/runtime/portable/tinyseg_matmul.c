/* SPDX-License-Identifier: Apache-2.0 */
/* Products of matrices in integers: int32 sums of (a - zero point) * (b - zero point), requantised. */
#include "tinyseg_matmul.h"

/* One sum of two rows. */
TINYSEG_INNER int32_t row_by_row(
    const tinyseg_value *a, int32_t a_zero, const tinyseg_value *b, int32_t b_zero, uint32_t inner)
{
    int32_t sum = 0;
    for (const tinyseg_value *const end = a + inner; a != end; ++a, ++b) {
        sum += (*a - a_zero) * (*b - b_zero);
    }
    return sum;
}

/* Sums of a row and four neighbouring columns, whose elements are `step` apart. */
TINYSEG_INNER void row_by_columns(
    const tinyseg_value *a,
    int32_t a_zero,
    const tinyseg_value *b,
    int32_t b_zero,
    uint32_t step,
    uint32_t inner,
    int32_t *sums)
{
    int32_t s0 = 0;
    int32_t s1 = 0;
    int32_t s2 = 0;
    int32_t s3 = 0;
    for (const tinyseg_value *const end = a + inner; a != end; ++a, b += step) {
        const int32_t v = *a - a_zero;
        s0 += v * (b[0] - b_zero);
        s1 += v * (b[1] - b_zero);
        s2 += v * (b[2] - b_zero);
        s3 += v * (b[3] - b_zero);
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

TINYSEG_INNER int32_t row_by_column(
    const tinyseg_value *a, int32_t a_zero, const tinyseg_value *b, int32_t b_zero, uint32_t step, uint32_t inner)
{
    int32_t sum = 0;
    for (const tinyseg_value *const end = a + inner; a != end; ++a, b += step) {
        sum += (*a - a_zero) * (*b - b_zero);
    }
    return sum;
}

static void matmul_row(const tinyseg_matmul *p, const tinyseg_value *a, const tinyseg_value *b, tinyseg_value *out)
{
    const tinyseg_matmul_shape *const s = &p->shape;
    const int32_t a_zero = p->lhs_zero_point;
    const int32_t b_zero = p->rhs_zero_point;
    uint32_t n = 0;
    for (; s->transposed != 0u && n < s->columns; ++n, b += s->rhs_row) {
        out[n] = tinyseg_requantize(row_by_row(a, a_zero, b, b_zero, s->inner), p->multiplier, &p->output);
    }
    for (; n + 4u <= s->columns; n += 4u) {
        int32_t sums[4];
        row_by_columns(a, a_zero, b + n, b_zero, s->rhs_row, s->inner, sums);
        for (uint32_t k = 0; k < 4u; ++k) {
            out[n + k] = tinyseg_requantize(sums[k], p->multiplier, &p->output);
        }
    }
    for (; n < s->columns; ++n) {
        const int32_t sum = row_by_column(a, a_zero, b + n, b_zero, s->rhs_row, s->inner);
        out[n] = tinyseg_requantize(sum, p->multiplier, &p->output);
    }
}

void tinyseg_matmul_line(
    const tinyseg_matmul *p, const tinyseg_value *lhs, const tinyseg_value *rhs, tinyseg_value *out)
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
