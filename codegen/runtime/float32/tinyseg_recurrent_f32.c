/* SPDX-License-Identifier: Apache-2.0 */
/* A time step of a recurrent layer in float32. The order of every sum is the contract's: bias, inputs, units. */
#include "tinyseg_recurrent_f32.h"

#include "tinyseg_functions_f32.h"

/* Adds the products of `n` values with the weights of rows first to last - 1 to their sums. */
TINYSEG_INNER void add_products(
    const void *weights, const float *scales, uint32_t first, uint32_t last, const float *x, uint32_t n, float *sums)
{
    for (uint32_t row = first; row < last; ++row) {
        float sum = sums[row];
        if (scales != NULL) {
            const int8_t *w = (const int8_t *)weights + (size_t)row * n;
            const float scale = scales[row];
            for (uint32_t k = 0; k < n; ++k) {
                sum = tinyseg_fma(x[k], tinyseg_product_f32((float)w[k], scale), sum);
            }
        } else {
            const float *w = (const float *)weights + (size_t)row * n;
            for (uint32_t k = 0; k < n; ++k) {
                sum = tinyseg_fma(x[k], w[k], sum);
            }
        }
        sums[row] = sum;
    }
}

static float activated(const tinyseg_recurrent_f32 *p, int which, float x)
{
    const tinyseg_cell_activation *const a = &p->activations[which];
    switch (a->function) {
    case TINYSEG_CELL_SIGMOID:
        return tinyseg_sigmoid_f32(x);
    case TINYSEG_CELL_TANH:
        return tinyseg_tanh_f32(x);
    case TINYSEG_CELL_RELU:
        return x > 0.0f ? x : 0.0f;
    case TINYSEG_CELL_HARDSIGMOID:
        return tinyseg_clip_f32(tinyseg_fma(x, a->alpha, a->beta), 0.0f, 1.0f);
    case TINYSEG_CELL_LEAKYRELU:
        return x < 0.0f ? a->alpha * x : x;
    case TINYSEG_CELL_THRESHOLDEDRELU:
        return x < a->alpha ? 0.0f : x;
    case TINYSEG_CELL_AFFINE:
        return tinyseg_fma(x, a->alpha, a->beta);
    case TINYSEG_CELL_SCALEDTANH:
        return a->alpha * tinyseg_tanh_f32(tinyseg_product_f32(a->beta, x));
    case TINYSEG_CELL_ELU:
        return x < 0.0f ? a->alpha * (tinyseg_exponential_f32(x) - 1.0f) : x;
    default:
        return x / (1.0f + tinyseg_magnitude_f32(x));
    }
}

/* The activation of a sum that is limited first. */
static float gated(const tinyseg_recurrent_f32 *p, int which, float sum)
{
    return activated(p, which, p->clip > 0.0f ? tinyseg_clip_f32(sum, -p->clip, p->clip) : sum);
}

static void lstm(const tinyseg_recurrent_f32 *p, const float *sums, float *hidden, float *cells)
{
    const uint32_t units = p->units;
    for (uint32_t u = 0; u < units; ++u) {
        float enter = sums[u];
        float leave = sums[units + u];
        float forget = sums[2u * units + u];
        if (p->peepholes != NULL) {
            enter = tinyseg_fma(p->peepholes[u], cells[u], enter);
            forget = tinyseg_fma(p->peepholes[2u * units + u], cells[u], forget);
        }
        enter = gated(p, 0, enter);
        forget = p->coupled != 0u ? 1.0f - enter : gated(p, 0, forget);
        const float inner = gated(p, 1, sums[3u * units + u]);
        cells[u] = tinyseg_fma(forget, cells[u], tinyseg_product_f32(enter, inner));
        if (p->peepholes != NULL) {
            leave = tinyseg_fma(p->peepholes[units + u], cells[u], leave);
        }
        hidden[u] = gated(p, 0, leave) * activated(p, 2, cells[u]);
    }
}

/* `spare` has room for a value per unit. */
static void gru(const tinyseg_recurrent_f32 *p, float *sums, float *hidden, float *spare)
{
    const uint32_t units = p->units;
    float *const inner = sums + 2u * units;
    for (uint32_t u = 0; u < 2u * units; ++u) {
        sums[u] = gated(p, 0, sums[u]);
    }
    if (p->recurrent_bias != NULL) {
        const void *rows = p->recurrence;
        const size_t before = (size_t)2u * units * units;
        const float *scales = p->recurrence_scale;
        if (scales != NULL) {
            rows = (const int8_t *)rows + before;
            scales += 2u * units;
        } else {
            rows = (const float *)rows + before;
        }
        memcpy(spare, p->recurrent_bias, units * sizeof *spare);
        add_products(rows, scales, 0, units, hidden, units, spare);
        for (uint32_t u = 0; u < units; ++u) {
            inner[u] = tinyseg_fma(sums[units + u], spare[u], inner[u]);
        }
    } else {
        for (uint32_t u = 0; u < units; ++u) {
            spare[u] = sums[units + u] * hidden[u];
        }
        add_products(p->recurrence, p->recurrence_scale, 2u * units, 3u * units, spare, units, sums);
    }
    for (uint32_t u = 0; u < units; ++u) {
        const float update = sums[u];
        const float kept = 1.0f - update;
        hidden[u] = tinyseg_fma(update, hidden[u], tinyseg_product_f32(kept, gated(p, 1, inner[u])));
    }
}

/* A state before the first step. */
static void begin(float *state, const float *operand, const float *constant, uint32_t count)
{
    const float *const from = operand != NULL ? operand : constant;
    for (uint32_t k = 0; k < count; ++k) {
        state[k] = from != NULL ? from[k] : 0.0f;
    }
}

void tinyseg_recurrent_f32_step(
    const tinyseg_recurrent_f32 *p,
    int first,
    const float *line,
    const float *hidden,
    const float *cells,
    float *state,
    float *scratch,
    float *out)
{
    const uint32_t units = p->units;
    const uint32_t rows = p->gates * units;
    const uint32_t count = units * p->batch;
    const int has_cells = p->gates == 4u;
    if (first) {
        begin(state, hidden, p->initial, count);
        if (has_cells) {
            begin(state + count, cells, p->initial == NULL ? NULL : p->initial + count, count);
        }
    }
    for (uint32_t batch = 0; batch < p->batch; ++batch, line += p->inputs) {
        float *const h = state + batch * units;
        memcpy(scratch, p->bias, rows * sizeof *scratch);
        add_products(p->weight, p->weight_scale, 0, rows, line, p->inputs, scratch);
        add_products(p->recurrence, p->recurrence_scale, 0, p->gates == 3u ? 2u * units : rows, h, units, scratch);
        if (has_cells) {
            lstm(p, scratch, h, h + count);
        } else if (p->gates == 3u) {
            gru(p, scratch, h, scratch + rows);
        } else {
            for (uint32_t u = 0; u < units; ++u) {
                h[u] = gated(p, 0, scratch[u]);
            }
        }
    }
    if (out != NULL) {
        memcpy(out, state, (p->states != 0u ? 2u : 1u) * count * sizeof *out);
    }
}
