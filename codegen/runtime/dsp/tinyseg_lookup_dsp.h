/* SPDX-License-Identifier: Apache-2.0 */
/* A function of one byte, by table, four bytes at a time. */
#ifndef TINYSEG_LOOKUP_DSP_H
#define TINYSEG_LOOKUP_DSP_H

#include "tinyseg_platform.h"

/* As tinyseg_lookup_line. */
void tinyseg_lookup_dsp_line(const uint8_t *table, const uint8_t *in, uint8_t *out, uint32_t elements);

#endif
