/* SPDX-License-Identifier: Apache-2.0 */
/* Lines to storage and back.
 *
 * A record is a group of lines behind a header. Records of a tensor lie at a fixed pitch; a codec shortens what is
 * transferred of them. In RAM records are staged in places of a ring, each behind the ticket of its transfer. */
#ifndef TINYSEG_SPILL_H
#define TINYSEG_SPILL_H

#include "tinyseg_platform.h"
#include "tinyseg_storage.h"

/* A lossless code for a line of pixels of `pitch` bytes. `encode` returns the bytes it wrote, 0 where they would be `bytes` or more (it never
 * writes more than that). `decode` returns where it stopped reading, NULL where `in` is no code of a line. */
typedef struct {
    uint32_t (*encode)(const uint8_t *line, uint32_t bytes, uint32_t pitch, uint8_t *out);
    const uint8_t *(*decode)(const uint8_t *in, const uint8_t *end, uint8_t *line, uint32_t bytes,
                             uint32_t pitch);
} tinyseg_codec;

typedef struct {
    const tinyseg_codec *codec; /* NULL: lines are stored as they are */
    uint32_t base;              /* of the tensor in storage, bytes */
    uint32_t identity;          /* of model, storage, tensor and place: part of every check sum */
    uint32_t line_bytes;
    uint32_t pixel_bytes;
    uint32_t record_bytes; /* pitch, and largest transfer */
    uint32_t block_bytes;  /* transfers are multiples of it */
    uint32_t unit_bytes;   /* of the lengths kept in RAM */
    uint16_t lines;
    uint16_t group;  /* lines per record */
    uint16_t places; /* of the ring */
    uint8_t ahead;   /* fetch: 0 asks for a record only when it is needed */
} tinyseg_stored;

/* `state`: the ring, places * (record_bytes + 4) bytes. `lengths`: with a codec, a byte per line of the tensor that holds
 * the length of the record which ends there; else NULL. */
tinyseg_storage_status tinyseg_spill_line(const tinyseg_stored *tensor, tinyseg_storage *storage, uint32_t line,
                                          const uint8_t *in, uint8_t *state, uint8_t *lengths);
tinyseg_storage_status tinyseg_fetch_line(const tinyseg_stored *tensor, tinyseg_storage *storage, uint32_t line,
                                          uint8_t *out, uint8_t *state, const uint8_t *lengths);

#endif
