/* SPDX-License-Identifier: Apache-2.0 */
#include "tinyseg_tile_mve.h"

void tinyseg_stage_int8(
    int8_t *to, const int8_t *from, int32_t before, int32_t values, int32_t after, int32_t zero_point)
{
    to = tinyseg_fill_16(to, zero_point, before);
    to = tinyseg_copy_16(to, from, values);
    tinyseg_fill_16(to, zero_point, after);
}
