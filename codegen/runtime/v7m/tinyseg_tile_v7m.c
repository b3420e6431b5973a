/* SPDX-License-Identifier: Apache-2.0 */
#include "tinyseg_tile_v7m.h"

void tinyseg_stage_int8(
    int8_t *to, const int8_t *from, int32_t before, int32_t values, int32_t after, int32_t zero_point)
{
    memset(to, zero_point, (size_t)before);
    memcpy(to + before, from, (size_t)values);
    memset(to + before + values, zero_point, (size_t)after);
}
