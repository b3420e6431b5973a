/* SPDX-License-Identifier: Apache-2.0 */
#include "tinyseg_channel_v7m.h"

void tinyseg_exact_results(
    const int32_t *sums,
    int32_t count,
    int32_t bias,
    tinyseg_multiplier multiplier,
    const tinyseg_output *output,
    int8_t *out,
    int32_t step)
{
    for (int32_t p = 0; p < count; ++p) {
        const int32_t sum = (int32_t)((uint32_t)sums[p] + (uint32_t)bias);
        out[p * step] = tinyseg_requantize(sum, multiplier, output);
    }
}
