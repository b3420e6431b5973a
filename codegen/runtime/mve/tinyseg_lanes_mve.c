/* SPDX-License-Identifier: Apache-2.0 */
#include "tinyseg_lanes_mve.h"

int8_t tinyseg_lane_result(
    int32_t products,
    const int32_t *bias,
    const tinyseg_multiplier *multiplier,
    int32_t lane,
    const tinyseg_output *output)
{
    static const uint8_t vectors[4] = {0, 2, 1, 3};
    const int32_t place = 4 * vectors[lane % 4] + lane / 4;
    const int32_t sum = (int32_t)((uint32_t)products + (uint32_t)bias[place]);
#if defined(TINYSEG_RULE_TFLITE)
    int32_t words[8];
    memcpy(words, multiplier + place / 4 * 4, sizeof words);
    const uint64_t twice = 2u * (uint64_t)(uint32_t)words[4 + place % 4];
    const tinyseg_multiplier own = (tinyseg_multiplier)(twice << 32 | (uint32_t)-words[place % 4]);
#else
    const tinyseg_multiplier own = multiplier[place];
#endif
    return tinyseg_requantize(sum, own, output);
}
