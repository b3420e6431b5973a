/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax of int8 with results of int16, by the rule of TensorFlow Lite: in steps of 1/65536 from -32768 on. */
#ifndef TINYSEG_SOFTMAX_TFLITE_WIDE_H
#define TINYSEG_SOFTMAX_TFLITE_WIDE_H

#include "tinyseg_softmax_tflite.h"

void tinyseg_softmax_tflite_wide_line(const tinyseg_softmax_tflite *p, const int8_t *in, int16_t *out);

#endif
