/* SPDX-License-Identifier: Apache-2.0 */
/* tinyseg_lstm_tflite.h for values of int16, whose sums have 64 bits. */
#ifndef TINYSEG_LSTM_TFLITE_I16_H
#define TINYSEG_LSTM_TFLITE_I16_H

#include "tinyseg_lstm_tflite.h"

void tinyseg_lstm_tflite_i16_step(
    const tinyseg_lstm_tflite *p,
    const int16_t *line,
    const int16_t *hidden_before,
    const int16_t *cells_before,
    int16_t *hidden,
    int16_t *cells,
    int16_t *gates);

#endif
