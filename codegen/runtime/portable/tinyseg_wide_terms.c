/* SPDX-License-Identifier: Apache-2.0 */
#include "tinyseg_wide_terms.h"

void tinyseg_wide_terms_line(
    const tinyseg_wide_term *first, const tinyseg_wide_term *end, const int8_t *line, int32_t *sums)
{
    for (const tinyseg_wide_term *term = first; term != end; ++term) {
        sums[term->channel] += line[term->element] * term->beyond;
    }
}
