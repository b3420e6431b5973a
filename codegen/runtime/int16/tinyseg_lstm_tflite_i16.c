/* SPDX-License-Identifier: Apache-2.0 */
/* A time step of an LSTM of int16 values. */
#define TINYSEG_WEIGHT int8_t
#define TINYSEG_SUM int64_t
#include "tinyseg_lstm_tflite_i16.h"

#include "tinyseg_sums_i16.h"

static int32_t scaled_sum(int64_t sum, tinyseg_multiplier multiplier)
{
    const tinyseg_output output = {0, -32768, 32767};
    return tinyseg_requantize_i16(sum, multiplier, &output);
}

#define TINYSEG_LSTM_VALUE int16_t
#define TINYSEG_LSTM_LEAST (-32768)
#define TINYSEG_LSTM_MOST 32767
#define TINYSEG_LSTM_STEP tinyseg_lstm_tflite_i16_step
#define TINYSEG_LSTM_SUM_4(sums, x, w, n) tinyseg_sum_4_i16(sums, x, 0, w, n)
#define TINYSEG_LSTM_SCALED(sum, multiplier) scaled_sum(sum, multiplier)
#include "tinyseg_lstm_tflite_body.h"
