/* SPDX-License-Identifier: Apache-2.0 */
/* Storage on an SD card in SPI mode. */
#include "sd_storage.h"

#define PATIENCE 200000u    /* polls: about a second */
#define START_TRIES 20000u  /* of ACMD41, which may take a second */
#define ANSWER_BYTES 10u    /* a card answers a command within 8 bytes */
#define TOKEN_BYTES 16u     /* looked at per poll for the begin of a block */

#define COMMAND_RESET 0u
#define COMMAND_INTERFACE 8u
#define COMMAND_CSD 9u
#define COMMAND_BLOCK_LENGTH 16u
#define COMMAND_READ 17u
#define COMMAND_WRITE 24u
#define COMMAND_APPLICATION 55u
#define COMMAND_START 41u /* of the application commands */
#define COMMAND_OCR 58u

#define ANSWER_READY 0x00u
#define ANSWER_IDLE 0x01u
#define NO_ANSWER 0xFFu
#define TOKEN_BLOCK 0xFEu
#define ACCEPTED 0x05u

enum { IDLE, READING, WRITING };

static uint8_t receive(const sd_storage *driver)
{
    uint8_t byte;
    driver->bus->exchange(NULL, &byte, 1);
    return byte;
}

/* Sends a command; the card stays selected for what follows its answer. */
static uint8_t command(const sd_storage *driver, uint8_t number, uint32_t argument)
{
    /* Only these two are checked in SPI mode. The leading byte gives the card time. */
    const uint8_t crc = number == COMMAND_RESET ? 0x95u : number == COMMAND_INTERFACE ? 0x87u : 0x01u;
    const uint8_t frame[7] = {0xFFu,
                              (uint8_t)(0x40u | number),
                              (uint8_t)(argument >> 24),
                              (uint8_t)(argument >> 16),
                              (uint8_t)(argument >> 8),
                              (uint8_t)argument,
                              crc};
    driver->bus->select(true);
    driver->bus->exchange(frame, NULL, sizeof frame);
    for (uint32_t i = 0; i < ANSWER_BYTES; ++i) {
        const uint8_t answer = receive(driver);
        if ((answer & 0x80u) == 0u) {
            return answer;
        }
    }
    return NO_ANSWER;
}

static void deselect(const sd_storage *driver)
{
    driver->bus->select(false);
    (void)receive(driver); /* the card lets go of its line with the next clock */
}

#define UNKNOWN_BYTES 0xFFFFFFFFu /* what lies beyond the end is an error when it is used */

/* The card's size in bytes from its CSD register, at most 4 GiB - 1. */
static uint32_t card_bytes(const sd_storage *driver)
{
    uint8_t csd[16];
    uint32_t tries = 0;
    if (command(driver, COMMAND_CSD, 0) != ANSWER_READY) {
        return UNKNOWN_BYTES;
    }
    while (receive(driver) != TOKEN_BLOCK) {
        if (++tries == 1000u) {
            return UNKNOWN_BYTES;
        }
    }
    driver->bus->exchange(NULL, csd, sizeof csd);
    driver->bus->exchange(NULL, NULL, 2); /* check sum */
    uint64_t bytes;
    if ((csd[0] >> 6) == 0u) { /* version 1: (size + 1) << (multiplier + 2) blocks of 1 << length bytes */
        const uint32_t size = ((uint32_t)(csd[6] & 3u) << 10) | ((uint32_t)csd[7] << 2) | (csd[8] >> 6);
        const uint32_t multiplier = ((uint32_t)(csd[9] & 3u) << 1) | (csd[10] >> 7);
        bytes = (uint64_t)(size + 1u) << (multiplier + 2u + (csd[5] & 15u));
    } else { /* version 2: size + 1 times 512 KiB */
        const uint32_t size = ((uint32_t)(csd[7] & 63u) << 16) | ((uint32_t)csd[8] << 8) | csd[9];
        bytes = (uint64_t)(size + 1u) << 19;
    }
    return bytes > UNKNOWN_BYTES ? UNKNOWN_BYTES : (uint32_t)bytes;
}

static tinyseg_storage_status start_card(sd_storage *driver)
{
    uint8_t answer = NO_ANSWER;
    uint32_t tries;
    driver->bus->start(false);
    driver->bus->select(false);
    driver->bus->exchange(NULL, NULL, 10); /* at least 74 clocks */
    for (tries = 0; tries < 10u && answer != ANSWER_IDLE; ++tries) {
        answer = command(driver, COMMAND_RESET, 0);
    }
    if (answer != ANSWER_IDLE) {
        return TINYSEG_STORAGE_ERROR_REMOVED;
    }
    uint32_t high_capacity = 0;
    if (command(driver, COMMAND_INTERFACE, 0x1AA) == ANSWER_IDLE) { /* version 2: 2.7 to 3.6 V, pattern AA */
        driver->bus->exchange(NULL, NULL, 4);
        high_capacity = 1u << 30;
    }
    for (tries = 0; tries < START_TRIES && answer != ANSWER_READY; ++tries) {
        (void)command(driver, COMMAND_APPLICATION, 0);
        answer = command(driver, COMMAND_START, high_capacity);
    }
    if (answer != ANSWER_READY) {
        return TINYSEG_STORAGE_ERROR_TIMEOUT;
    }
    uint8_t ocr[4] = {0, 0, 0, 0};
    if (command(driver, COMMAND_OCR, 0) <= ANSWER_IDLE) {
        driver->bus->exchange(NULL, ocr, sizeof ocr);
    }
    driver->by_block = (ocr[0] & 0x40u) != 0u;
    if (!driver->by_block && command(driver, COMMAND_BLOCK_LENGTH, SD_BLOCK) != ANSWER_READY) {
        return TINYSEG_STORAGE_ERROR_GEOMETRY;
    }
    return TINYSEG_STORAGE_OK;
}

static tinyseg_storage_status open(void *user, uint32_t bytes)
{
    sd_storage *driver = user;
    driver->state = IDLE;
    if (!driver->ready) {
        tinyseg_storage_status status = start_card(driver);
        if (status == TINYSEG_STORAGE_OK && card_bytes(driver) / SD_BLOCK < driver->first_block + bytes / SD_BLOCK) {
            status = TINYSEG_STORAGE_ERROR_FULL;
        }
        deselect(driver);
        if (status != TINYSEG_STORAGE_OK) {
            return status;
        }
        driver->bus->start(true);
        driver->ready = true;
    }
    return TINYSEG_STORAGE_OK;
}

static tinyseg_storage_status end(sd_storage *driver, tinyseg_storage_status status)
{
    deselect(driver);
    driver->state = IDLE;
    if (status != TINYSEG_STORAGE_OK) {
        driver->ready = false; /* the next inference starts the card again */
    }
    return status;
}

/* Begins the next block, or ends the transfer. */
static tinyseg_storage_status next_block(sd_storage *driver)
{
    if (driver->remaining == 0u) {
        return end(driver, TINYSEG_STORAGE_OK);
    }
    const bool writing = driver->state == WRITING;
    const uint32_t address = driver->by_block ? driver->block : driver->block * SD_BLOCK;
    const uint8_t answer = command(driver, writing ? COMMAND_WRITE : COMMAND_READ, address);
    if (answer == NO_ANSWER) {
        return end(driver, TINYSEG_STORAGE_ERROR_REMOVED);
    }
    if (answer != ANSWER_READY) {
        return end(driver, writing ? TINYSEG_STORAGE_ERROR_WRITE : TINYSEG_STORAGE_ERROR_READ);
    }
    if (writing) {
        const uint8_t opening[2] = {0xFFu, TOKEN_BLOCK};
        driver->bus->exchange(opening, NULL, sizeof opening);
        driver->bus->exchange(driver->data, NULL, SD_BLOCK);
        driver->bus->exchange(NULL, NULL, 2); /* check sum: ignored in SPI mode */
        const uint8_t accepted = receive(driver) & 0x1Fu;
        if (accepted != ACCEPTED) {
            return end(driver, accepted == 0x1Fu ? TINYSEG_STORAGE_ERROR_REMOVED : TINYSEG_STORAGE_ERROR_WRITE);
        }
    }
    return TINYSEG_STORAGE_BUSY;
}

static void block_done(sd_storage *driver)
{
    driver->data += SD_BLOCK;
    ++driver->block;
    --driver->remaining;
}

static tinyseg_storage_status poll(void *user)
{
    sd_storage *driver = user;
    if (driver->state == WRITING) {
        if (receive(driver) != 0xFFu) {
            return TINYSEG_STORAGE_BUSY; /* programming */
        }
        block_done(driver);
        return next_block(driver);
    }
    for (uint32_t i = 0; i < TOKEN_BYTES; ++i) {
        const uint8_t token = receive(driver);
        if (token == TOKEN_BLOCK) {
            driver->bus->exchange(NULL, driver->data, SD_BLOCK);
            driver->bus->exchange(NULL, NULL, 2);
            block_done(driver);
            return next_block(driver);
        }
        if (token != 0xFFu) { /* an error token */
            return end(driver, TINYSEG_STORAGE_ERROR_READ);
        }
    }
    return TINYSEG_STORAGE_BUSY;
}

static tinyseg_storage_status begin(sd_storage *driver, uint8_t state, uint32_t offset, uint8_t *data, uint32_t bytes)
{
    driver->state = state;
    driver->block = driver->first_block + offset / SD_BLOCK;
    driver->remaining = bytes / SD_BLOCK;
    driver->data = data;
    return next_block(driver);
}

static tinyseg_storage_status read(void *user, uint32_t offset, void *data, uint32_t bytes)
{
    return begin(user, READING, offset, data, bytes);
}

static tinyseg_storage_status write(void *user, uint32_t offset, const void *data, uint32_t bytes)
{
    return begin(user, WRITING, offset, (uint8_t *)(uintptr_t)data, bytes); /* only read */
}

static void cancel(void *user)
{
    sd_storage *driver = user;
    (void)end(driver, TINYSEG_STORAGE_ERROR_TIMEOUT);
}

tinyseg_storage *sd_storage_init(sd_storage *driver, const sd_bus *bus, uint32_t first_block, uint32_t capacity)
{
    driver->bus = bus;
    driver->first_block = first_block;
    driver->storage.user = driver;
    driver->storage.block_bytes = SD_BLOCK;
    driver->storage.capacity = capacity;
    driver->storage.patience = PATIENCE;
    driver->storage.open = open;
    driver->storage.read = read;
    driver->storage.write = write;
    driver->storage.poll = poll;
    driver->storage.cancel = cancel;
    return &driver->storage;
}
