/* SPDX-License-Identifier: Apache-2.0 */
/* Products of matrices of int16: int64 sums of (a - zero point) * (b - zero point), requantised. */
#include "tinyseg_matmul_i16.h"

/* The sum of a row and a column, whose elements are `step` apart. */
TINYSEG_INNER int64_t row_by_column(
    const int16_t *a, int32_t a_zero, const int16_t *b, int32_t b_zero, uint32_t step, uint32_t inner)
{
    int64_t sum = 0;
    for (const int16_t *const end = a + inner; a != end; ++a, b += step) {
        sum += (int64_t)(*a - a_zero) * (*b - b_zero);
    }
    return sum;
}

void tinyseg_matmul_i16_line(const tinyseg_matmul_i16 *p, const int16_t *lhs, const int16_t *rhs, int16_t *out)
{
    const tinyseg_matmul_shape *const s = &p->shape;
    const uint32_t step = s->transposed != 0u ? 1u : s->rhs_row;
    const uint32_t next = s->transposed != 0u ? s->rhs_row : 1u;
    for (uint32_t batch = 0; batch < s->batches; ++batch) {
        for (uint32_t row = 0; row < s->rows; ++row) {
            const int16_t *const a = lhs + row * s->lhs_row;
            for (uint32_t n = 0; n < s->columns; ++n) {
                const int64_t sum =
                    row_by_column(a, p->lhs_zero_point, rhs + n * next, p->rhs_zero_point, step, s->inner);
                out[row * s->out_row + n] = tinyseg_requantize_i16(sum, p->multiplier, &p->output);
            }
        }
        lhs += s->lhs_batch;
        rhs += s->rhs_batch;
        out += s->out_batch;
    }
}
