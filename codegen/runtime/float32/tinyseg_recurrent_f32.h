/* SPDX-License-Identifier: Apache-2.0 */
/* A time step of a recurrent layer (LSTM, GRU, RNN) in float32. */
#ifndef TINYSEG_RECURRENT_F32_H
#define TINYSEG_RECURRENT_F32_H

#include "tinyseg_platform.h"

typedef enum {
    TINYSEG_CELL_SIGMOID,
    TINYSEG_CELL_TANH,
    TINYSEG_CELL_RELU,
    TINYSEG_CELL_HARDSIGMOID,
    TINYSEG_CELL_LEAKYRELU,
    TINYSEG_CELL_THRESHOLDEDRELU,
    TINYSEG_CELL_AFFINE,
    TINYSEG_CELL_SCALEDTANH,
    TINYSEG_CELL_ELU,
    TINYSEG_CELL_SOFTSIGN
} tinyseg_cell_function;

typedef struct {
    uint32_t function;
    float alpha;
    float beta;
} tinyseg_cell_activation;

typedef struct {
    const void *weight; /* [gate][unit][input], float32 or int8 */
    const void *recurrence; /* [gate][unit][unit] */
    const float *weight_scale; /* [gate][unit] for int8, else NULL */
    const float *recurrence_scale;
    const float *bias; /* [gate][unit] */
    const float *recurrent_bias; /* [unit], where a GRU resets what is computed of its states, else NULL */
    const float *peepholes; /* [input, output, forget][unit], or NULL */
    const float *initial; /* states before the first step, or NULL */
    tinyseg_cell_activation activations[3];
    float clip; /* limit of the sums, 0 for none */
    uint16_t inputs;
    uint16_t units;
    uint16_t batch;
    uint8_t gates; /* 4: LSTM, 3: GRU, 1: RNN */
    uint8_t coupled; /* an LSTM forgets as much as it takes in */
    uint8_t states; /* lines hold the cells' states behind those of the units */
} tinyseg_recurrent_f32;

/* Takes a line; `first` says that it is the first one. `hidden` and `cells` are the states before it where they are
 * operands, else NULL. `state` holds batch * units values of the units, and of the cells for an LSTM. `scratch` has room
 * for (gates + 1) * units values. `out` may be NULL. */
void tinyseg_recurrent_f32_step(
    const tinyseg_recurrent_f32 *p,
    int first,
    const float *line,
    const float *hidden,
    const float *cells,
    float *state,
    float *scratch,
    float *out);

#endif
