/* SPDX-License-Identifier: Apache-2.0 */
/* A time step of an LSTM in integers by the rule of TensorFlow Lite. */
#ifndef TINYSEG_LSTM_TFLITE_H
#define TINYSEG_LSTM_TFLITE_H

#include "tinyseg_requantize.h"

typedef struct {
    const int8_t *weight; /* [unit][input][gate]: input, output, forget, cell */
    const int8_t *recurrence; /* [unit][unit before][gate] */
    const void *bias; /* [unit][gate], of the type of sums; the operand's zero point is folded in */
    const void *recurrent_bias; /* [unit][gate], the same of the units' zero point */
    const uint16_t *table; /* of tinyseg_squashing_tflite */
    tinyseg_multiplier weight_scale[4]; /* by gate, to units of 2^-12 */
    tinyseg_multiplier recurrence_scale[4];
    tinyseg_multiplier kept; /* of forget gate times cell */
    tinyseg_multiplier entered; /* of input gate times the new value */
    tinyseg_multiplier left; /* of output gate times what a cell shows */
    int16_t hidden_zero_point;
    int16_t cell_clip; /* 0 for none */
    int16_t cell_multiplier; /* of the cells' tanh */
    uint8_t cell_right;
    uint16_t inputs;
    uint16_t units;
    uint16_t batch;
} tinyseg_lstm_tflite;

/* Takes a line [batch][input], and the states [batch][unit] before it; makes those after it, in place or elsewhere.
 * `gates` has room for 4 * units values. */
void tinyseg_lstm_tflite_step(
    const tinyseg_lstm_tflite *p,
    const tinyseg_value *line,
    const tinyseg_value *hidden_before,
    const int16_t *cells_before,
    tinyseg_value *hidden,
    int16_t *cells,
    int16_t *gates);

#endif
