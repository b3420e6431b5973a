/* SPDX-License-Identifier: Apache-2.0 */
/* Storage on an SD card in SPI mode (SD Specifications, Part 1, Physical Layer Simplified, chapter 7): raw blocks of a
 * region of the card, no file system.
 *
 * The processor clocks the bytes, but does not wait for the card: while the card looks for a block or programs one the
 * transfer is BUSY. */
#ifndef TINYSEG_SD_STORAGE_H
#define TINYSEG_SD_STORAGE_H

#include "tinyseg_storage.h"

#define SD_BLOCK 512u

/* The serial port that the card is at. */
typedef struct {
    void (*start)(bool fast); /* sets it up: at most 400 kHz, or the card's speed */
    void (*select)(bool selected);
    /* Exchanges bytes at the same time. out NULL: sends 0xFF; in NULL: drops what comes. */
    void (*exchange)(const uint8_t *out, uint8_t *in, uint32_t bytes);
} sd_bus;

typedef struct {
    tinyseg_storage storage;
    const sd_bus *bus;
    uint32_t first_block;
    uint8_t *data;
    uint32_t block;     /* next one of the transfer */
    uint32_t remaining; /* blocks, that one included */
    uint8_t state;
    bool ready;         /* initialised and no error since */
    bool by_block;      /* addresses are blocks (SDHC, SDXC), not bytes */
} sd_storage;

/* Uses the blocks from `first_block` on, `capacity` bytes of them. The card is initialised by the first inference. */
tinyseg_storage *sd_storage_init(sd_storage *driver, const sd_bus *bus, uint32_t first_block, uint32_t capacity);

#endif
