/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 (IEEE 802.3, reflected polynomial 0xEDB88320), as zlib's crc32. */
#ifndef TINYSEG_CRC32_H
#define TINYSEG_CRC32_H

#include "tinyseg_platform.h"

/* The check sum of `data`, which follows data of check sum `crc`. */
uint32_t tinyseg_crc32(uint32_t crc, const uint8_t *data, uint32_t bytes);

#endif
