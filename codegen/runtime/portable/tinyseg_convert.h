/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as integers of 32 or 64 bits. */
#ifndef TINYSEG_CONVERT_H
#define TINYSEG_CONVERT_H

#include "tinyseg_platform.h"

/* `count` elements, which may lie at any address; elements of one size may be written over their own. A float32 loses its
 * fraction, NaN is 0, and those outside of the integers are moved to their ends: `wrapping` to those of int64, of which
 * the lower bits are taken, as they are of other integers. */
void tinyseg_convert_float32_to_int32(const uint8_t *in, uint8_t *out, uint32_t count);
void tinyseg_convert_float32_to_int32_wrapping(const uint8_t *in, uint8_t *out, uint32_t count);
void tinyseg_convert_float32_to_int64(const uint8_t *in, uint8_t *out, uint32_t count);
void tinyseg_convert_int64_to_int32(const uint8_t *in, uint8_t *out, uint32_t count);
void tinyseg_convert_int32_to_int64(const uint8_t *in, uint8_t *out, uint32_t count);

#endif
