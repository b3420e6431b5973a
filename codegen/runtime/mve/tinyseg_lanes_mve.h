/* SPDX-License-Identifier: Apache-2.0 */
/* What depthwise convolutions for the vector extension need that take values where they lie
 * (programs/channels/mve_lanes.py writes their micro-kernels for one operator each). */
#ifndef TINYSEG_LANES_MVE_H
#define TINYSEG_LANES_MVE_H

#include "tinyseg_mve.h"

/* Requantises a lane's sum of products, for the C twins. The biases of a block lie as the assembler takes them: those of
 * channels 0 4 8 12, 2 6 10 14, 1 5 9 13 and 3 7 11 15. So do the multipliers; of two words, four shifts to the left
 * come before four multipliers. */
int8_t tinyseg_lane_result(
    int32_t products,
    const int32_t *bias,
    const tinyseg_multiplier *multiplier,
    int32_t lane,
    const tinyseg_output *output);

#endif
