/* SPDX-License-Identifier: Apache-2.0 */
/* A time step of an LSTM, for one type of values (TINYSEG_LSTM_VALUE) and sums (TINYSEG_SUM) under one name
 * (TINYSEG_LSTM_STEP). TINYSEG_LSTM_SUM_4 adds products to four sums, TINYSEG_LSTM_SCALED multiplies one. */
#include "tinyseg_squashing_tflite.h"

static int32_t int16_of(int32_t value)
{
    return tinyseg_clamp(value, -32768, 32767);
}

/* value * multiplier, to int16. */
static int32_t scaled(int32_t value, tinyseg_multiplier multiplier)
{
    return int16_of(tinyseg_multiplied_to(value, tinyseg_scale_of(multiplier), 0));
}

/* The sums of all gates of all units, to int16: [gate][unit]. */
static void sum_gates(
    const tinyseg_lstm_tflite *p, const TINYSEG_LSTM_VALUE *line, const TINYSEG_LSTM_VALUE *hidden, int16_t *gates)
{
    const uint32_t units = p->units;
    const int8_t *w = p->weight;
    const int8_t *r = p->recurrence;
    for (uint32_t u = 0; u < units; ++u) {
        TINYSEG_SUM own[4];
        TINYSEG_SUM further[4];
        memcpy(own, (const uint8_t *)p->bias + u * sizeof own, sizeof own);
        memcpy(further, (const uint8_t *)p->recurrent_bias + u * sizeof further, sizeof further);
        w = TINYSEG_LSTM_SUM_4(own, line, w, p->inputs);
        r = TINYSEG_LSTM_SUM_4(further, hidden, r, p->units);
        for (uint32_t k = 0; k < 4u; ++k) {
            const int32_t a = TINYSEG_LSTM_SCALED(own[k], p->weight_scale[k]);
            const int32_t b = TINYSEG_LSTM_SCALED(further[k], p->recurrence_scale[k]);
            gates[k * units + u] = (int16_t)int16_of(a + b);
        }
    }
}

void TINYSEG_LSTM_STEP(
    const tinyseg_lstm_tflite *p,
    const TINYSEG_LSTM_VALUE *line,
    const TINYSEG_LSTM_VALUE *hidden_before,
    const int16_t *cells_before,
    TINYSEG_LSTM_VALUE *hidden,
    int16_t *cells,
    int16_t *gates)
{
    const tinyseg_squashing_tflite logistic = {p->table, 3, 0, 'l'};
    const tinyseg_squashing_tflite tangent = {p->table, 3, 0, 't'};
    const tinyseg_squashing_tflite shown = {p->table, p->cell_multiplier, p->cell_right, 't'};
    const uint32_t units = p->units;
    for (uint32_t batch = 0; batch < p->batch; ++batch) {
        const int16_t *const enter = gates;
        const int16_t *const leave = gates + units;
        const int16_t *const forget = gates + 2u * units;
        int16_t *const inner = gates + 3u * units;
        sum_gates(p, line, hidden_before, gates);
        tinyseg_squashing_tflite_line(&logistic, gates, gates, 3u * units);
        tinyseg_squashing_tflite_line(&tangent, inner, inner, units);
        for (uint32_t u = 0; u < units; ++u) {
            int32_t cell = scaled(forget[u] * cells_before[u], p->kept);
            cell = int16_of(cell + scaled(enter[u] * inner[u], p->entered));
            if (p->cell_clip != 0) {
                cell = tinyseg_clamp(cell, -p->cell_clip, p->cell_clip);
            }
            cells[u] = (int16_t)cell;
        }
        tinyseg_squashing_tflite_line(&shown, cells, inner, units);
        for (uint32_t u = 0; u < units; ++u) {
            const int32_t made = tinyseg_multiplied_to(leave[u] * inner[u], tinyseg_scale_of(p->left), 0);
            hidden[u] = (TINYSEG_LSTM_VALUE)tinyseg_clamp(
                made + p->hidden_zero_point, TINYSEG_LSTM_LEAST, TINYSEG_LSTM_MOST);
        }
        line += p->inputs;
        hidden_before += units;
        cells_before += units;
        hidden += units;
        cells += units;
    }
}
