/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax of int8 with results of int16, by the rule of TensorFlow Lite. */
#include "tinyseg_softmax_tflite_wide.h"

#define TINYSEG_SHARE int16_t
#define TINYSEG_SHARE_BITS 16
#define TINYSEG_SHARE_MIN INT16_MIN
#define TINYSEG_SHARE_MAX INT16_MAX
#define TINYSEG_SOFTMAX_LINE tinyseg_softmax_tflite_wide_line
#include "tinyseg_softmax_tflite_body.h"
