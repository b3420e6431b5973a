/* SPDX-License-Identifier: Apache-2.0 */
/* A function of one byte, by table. `out` may be `in`. */
#ifndef TINYSEG_LOOKUP_H
#define TINYSEG_LOOKUP_H

#include "tinyseg_platform.h"

void tinyseg_lookup_line(const uint8_t *table, const uint8_t *in, uint8_t *out, uint32_t elements);

#endif
