/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of 256 bytes, one for each channel. */
#ifndef TINYSEG_CHANNEL_LOOKUP_H
#define TINYSEG_CHANNEL_LOOKUP_H

#include "tinyseg_platform.h"

/* `out` may be `in`. */
void tinyseg_channel_lookup_line(
    const uint8_t *tables, uint32_t channels, const uint8_t *in, uint8_t *out, uint32_t pixels);

#endif
