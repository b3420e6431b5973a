/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax by the rule of TensorFlow Lite. */
#define TINYSEG_SHARE int8_t
#define TINYSEG_SHARE_BITS 8
#define TINYSEG_SHARE_MIN INT8_MIN
#define TINYSEG_SHARE_MAX INT8_MAX
#define TINYSEG_SOFTMAX_LINE tinyseg_softmax_tflite_line
#include "tinyseg_softmax_tflite_body.h"
