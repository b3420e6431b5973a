/* SPDX-License-Identifier: Apache-2.0 */
/* A time step of an LSTM of int8 values. */
#define TINYSEG_WEIGHT int8_t
#include "tinyseg_lstm_tflite.h"

#include "tinyseg_accumulate.h"

#define TINYSEG_SUM int32_t
#define TINYSEG_LSTM_VALUE tinyseg_value
#define TINYSEG_LSTM_LEAST TINYSEG_VALUE_MIN
#define TINYSEG_LSTM_MOST TINYSEG_VALUE_MAX
#define TINYSEG_LSTM_STEP tinyseg_lstm_tflite_step
#define TINYSEG_LSTM_SUM_4(sums, x, w, n) tinyseg_accumulate_4x1(sums, x, 0, w, n)
#define TINYSEG_LSTM_SCALED(sum, multiplier) scaled(sum, multiplier)
#include "tinyseg_lstm_tflite_body.h"
