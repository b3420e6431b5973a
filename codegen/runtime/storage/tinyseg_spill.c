/* SPDX-License-Identifier: Apache-2.0 */
/* Lines to storage and back. */
#include "tinyseg_spill.h"

#include "tinyseg_crc32.h"

#define RAW 0u /* the first byte of a line where there is a codec: raw or coded */
#define CODED 1u

/* As it is stored; the payload follows. The check sum is of all that follows it, and begins with the inference's number
 * and the tensor's identity, so that a record of another inference, tensor, storage or model does not pass. */
typedef struct {
    uint32_t crc;
    uint16_t length; /* of the payload */
    uint16_t number; /* of the record */
} tinyseg_record;

/* A place of the ring. */
typedef struct {
    uint32_t ticket; /* of its transfer; while a fetched record is in use, how far it has been read */
    tinyseg_record record;
} tinyseg_place;

static tinyseg_place *place_of(const tinyseg_stored *tensor, uint8_t *state, uint32_t record)
{
    const uint32_t place = tensor->places == 1u ? 0u : record % tensor->places;
    return (tinyseg_place *)(void *)(state + place * (tensor->record_bytes + sizeof(uint32_t)));
}

static uint8_t *payload_of(tinyseg_place *place)
{
    return (uint8_t *)(place + 1);
}

static uint32_t checksum(const tinyseg_stored *tensor, const tinyseg_storage *storage, const tinyseg_record *record)
{
    const uint32_t seed = ~(storage->run ^ tensor->identity);
    const uint32_t bytes = (uint32_t)(sizeof *record - sizeof record->crc) + record->length;
    const uint8_t *data = (const uint8_t *)record + sizeof record->crc;
    return storage->seal != NULL ? storage->seal(storage->user, seed, data, bytes) : tinyseg_crc32(seed, data, bytes);
}

static uint32_t last_line(const tinyseg_stored *tensor, uint32_t record)
{
    const uint32_t end = (record + 1u) * tensor->group;
    return (end < tensor->lines ? end : tensor->lines) - 1u;
}

tinyseg_storage_status tinyseg_spill_line(const tinyseg_stored *tensor, tinyseg_storage *storage, uint32_t line,
                                          const uint8_t *in, uint8_t *state, uint8_t *lengths)
{
    const uint32_t number = tensor->group == 1u ? line : line / tensor->group;
    tinyseg_place *place = place_of(tensor, state, number);
    tinyseg_record *record = &place->record;
    tinyseg_storage_status status = TINYSEG_STORAGE_OK;
    if (line == number * tensor->group) {
        if (!storage->numbered) {
            status = tinyseg_storage_number(storage, (uint8_t *)record, tensor->block_bytes, in, tensor->line_bytes);
            if (status != TINYSEG_STORAGE_OK) {
                return status;
            }
        }
        if (number >= tensor->places) {
            status = tinyseg_storage_wait(storage, place->ticket);
            if (status != TINYSEG_STORAGE_OK) {
                return status;
            }
        }
        record->length = 0;
        record->number = (uint16_t)number;
    }
    uint8_t *out = payload_of(place) + record->length;
    uint32_t bytes = tensor->line_bytes;
    if (tensor->codec == NULL) {
        memcpy(out, in, bytes);
    } else {
        const uint32_t coded = tensor->codec->encode(in, bytes, tensor->pixel_bytes, out + 1);
        *out = coded != 0u ? CODED : RAW;
        if (coded == 0u) {
            memcpy(out + 1, in, bytes);
        }
        bytes = (coded != 0u ? coded : bytes) + 1u;
    }
    record->length = (uint16_t)(record->length + bytes);
    storage->traffic.written += tensor->line_bytes;
    if (line != last_line(tensor, number)) {
        return TINYSEG_STORAGE_OK;
    }
    record->crc = checksum(tensor, storage, record);
    bytes = (uint32_t)sizeof *record + record->length;
    uint32_t whole = tensor->record_bytes;
    if (lengths != NULL) {
        const uint32_t units = (bytes + tensor->unit_bytes - 1u) / tensor->unit_bytes;
        lengths[line] = (uint8_t)units;
        whole = units * tensor->unit_bytes < whole ? units * tensor->unit_bytes : whole;
    }
    memset((uint8_t *)record + bytes, 0, whole - bytes);
    place->ticket = tinyseg_storage_ask(storage, true, tensor->base + number * tensor->record_bytes,
                                        (uint8_t *)record, whole);
    return line + 1u < tensor->lines ? status : tinyseg_storage_wait(storage, place->ticket);
}

/* Asks for a record, if there is one of that number. */
static void ask(const tinyseg_stored *tensor, tinyseg_storage *storage, uint8_t *state, const uint8_t *lengths,
                uint32_t number)
{
    if (number * tensor->group >= tensor->lines) {
        return;
    }
    tinyseg_place *place = place_of(tensor, state, number);
    uint32_t bytes = tensor->record_bytes;
    if (lengths != NULL) {
        const uint32_t coded = lengths[last_line(tensor, number)] * tensor->unit_bytes;
        bytes = coded < bytes ? coded : bytes;
    }
    place->ticket = tinyseg_storage_ask(storage, false, tensor->base + number * tensor->record_bytes,
                                        (uint8_t *)&place->record, bytes);
}

/* Waits for a record and checks it. */
static tinyseg_storage_status receive(const tinyseg_stored *tensor, tinyseg_storage *storage, tinyseg_place *place,
                                      uint32_t number)
{
    const tinyseg_storage_status status = tinyseg_storage_wait(storage, place->ticket);
    if (status != TINYSEG_STORAGE_OK) {
        return status;
    }
    const tinyseg_record *record = &place->record;
    if (record->number != (uint16_t)number || sizeof *record + record->length > tensor->record_bytes ||
        record->crc != checksum(tensor, storage, record)) {
        return TINYSEG_STORAGE_ERROR_CRC;
    }
    place->ticket = 0;
    return TINYSEG_STORAGE_OK;
}

tinyseg_storage_status tinyseg_fetch_line(const tinyseg_stored *tensor, tinyseg_storage *storage, uint32_t line,
                                          uint8_t *out, uint8_t *state, const uint8_t *lengths)
{
    const uint32_t number = tensor->group == 1u ? line : line / tensor->group;
    tinyseg_place *place = place_of(tensor, state, number);
    if (line == number * tensor->group) {
        if (tensor->ahead == 0u) {
            ask(tensor, storage, state, lengths, number);
        } else if (line == 0u) {
            for (uint32_t next = 0; next < tensor->places; ++next) {
                ask(tensor, storage, state, lengths, next);
            }
        }
        const tinyseg_storage_status status = receive(tensor, storage, place, number);
        if (status != TINYSEG_STORAGE_OK) {
            return status;
        }
    }
    const uint8_t *in = payload_of(place) + place->ticket;
    const uint8_t *end = payload_of(place) + place->record.length;
    if (tensor->codec != NULL && in < end && *in++ == CODED) {
        in = tensor->codec->decode(in, end, out, tensor->line_bytes, tensor->pixel_bytes);
    } else if ((size_t)(end - in) >= tensor->line_bytes) {
        memcpy(out, in, tensor->line_bytes);
        in += tensor->line_bytes;
    } else {
        in = NULL;
    }
    if (in == NULL) {
        return TINYSEG_STORAGE_ERROR_CRC;
    }
    place->ticket = (uint32_t)(in - payload_of(place));
    storage->traffic.read += tensor->line_bytes;
    if (line == last_line(tensor, number) && tensor->ahead != 0u) {
        ask(tensor, storage, state, lengths, number + tensor->places);
    }
    return TINYSEG_STORAGE_OK;
}
