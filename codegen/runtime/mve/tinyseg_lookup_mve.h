/* SPDX-License-Identifier: Apache-2.0 */
/* A function of one byte, by table, sixteen bytes at a time. */
#ifndef TINYSEG_LOOKUP_MVE_H
#define TINYSEG_LOOKUP_MVE_H

#include "tinyseg_platform.h"

/* As tinyseg_lookup_line. */
void tinyseg_lookup_mve_line(const uint8_t *table, const uint8_t *in, uint8_t *out, uint32_t elements);

#endif
