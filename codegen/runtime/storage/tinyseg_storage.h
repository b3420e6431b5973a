/* SPDX-License-Identifier: Apache-2.0 */
/* Storage: the second memory, which tensors are spilled to. The user fills in a table of functions; the network
 * queues its transfers and waits for them as late as it can.
 *
 * Transfers of one storage run one after the other, in the order in which they were asked for. */
#ifndef TINYSEG_STORAGE_H
#define TINYSEG_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a transfer or a storage can come to. The network's status is <NAME>_ERROR_STORAGE plus this number. */
typedef enum {
    TINYSEG_STORAGE_OK = 0,
    TINYSEG_STORAGE_ERROR_READ = 1,     /* a read failed or was short */
    TINYSEG_STORAGE_ERROR_WRITE = 2,    /* a write or an erase failed or was short */
    TINYSEG_STORAGE_ERROR_TIMEOUT = 3,  /* no answer in time */
    TINYSEG_STORAGE_ERROR_CRC = 4,      /* what was read is not what was written */
    TINYSEG_STORAGE_ERROR_REMOVED = 5,  /* the medium is not there, or not any more */
    TINYSEG_STORAGE_ERROR_FULL = 6,     /* it is smaller than the network needs */
    TINYSEG_STORAGE_ERROR_GEOMETRY = 7, /* other blocks than the network was compiled for, or no function table */
    TINYSEG_STORAGE_BUSY = 8            /* not yet done: an answer of the functions below, never a result */
} tinyseg_storage_status;

/* Bytes moved by one inference. `written` and `read` are tensor lines as the network knows them, the physical figures
 * what went to and from the medium: coded, with headers, in whole blocks. Drivers count erases. */
typedef struct {
    uint32_t written;
    uint32_t read;
    uint32_t written_physical;
    uint32_t read_physical;
    uint32_t erases;
} tinyseg_storage_traffic;

typedef struct {
    uint8_t *data;
    uint32_t offset;
    uint32_t bytes;
    bool write;
} tinyseg_transfer;

typedef struct tinyseg_storage tinyseg_storage;

struct tinyseg_storage {
    /* To be filled in by the user before <name>_init. */
    uint32_t block_bytes; /* offsets and lengths of transfers are multiples of it; a power of two, 1: any */
    uint32_t capacity;    /* bytes */
    uint32_t patience;    /* polls of a wait (calls of TINYSEG_IDLE) after which it is a timeout; 0: 2^24 */
    void *user;           /* handed to the functions */

    /* An inference begins that uses the first `bytes` bytes. May be NULL. Must not answer BUSY. */
    tinyseg_storage_status (*open)(void *user, uint32_t bytes);

    /* Begin a transfer. BUSY: its end is told by `poll`, or by tinyseg_storage_finish from an interrupt. Anything else:
     * it has ended. `data` stays untouched until the end. No transfer is begun before the one before has ended. */
    tinyseg_storage_status (*read)(void *user, uint32_t offset, void *data, uint32_t bytes);
    tinyseg_storage_status (*write)(void *user, uint32_t offset, const void *data, uint32_t bytes);

    /* BUSY while the transfer lasts, then how it ended. NULL where an interrupt tells. */
    tinyseg_storage_status (*poll)(void *user);

    /* Give up the transfer in progress: afterwards nothing may touch its memory. May be NULL where none is ever BUSY. */
    void (*cancel)(void *user);

    /* A number that no inference had on this medium before, across resets too; asked after `open`. NULL: the library
     * keeps one in the medium's first blocks (tinyseg_storage_number). */
    uint32_t (*number)(void *user);

    /* Where the medium has no number yet, what the first one is: random, if media are exchanged. May be NULL. */
    uint32_t (*entropy)(void *user);

    /* In place of CRC-32, which guards against faults, not against people: a keyed code of a record, for removable
     * media. `seed` names inference and tensor and must be covered. NULL: CRC-32. */
    uint32_t (*seal)(void *user, uint32_t seed, const uint8_t *data, uint32_t bytes);

    tinyseg_storage_traffic traffic; /* of the last inference */

    /* The library's own. */
    tinyseg_transfer *queue;
    volatile uint32_t ended;  /* transfers ended since the beginning, modulo 2^32 */
    volatile uint32_t asked;  /* transfers queued */
    uint32_t run;             /* the inference's number, part of every check sum */
    uint32_t reserved;        /* numbers up to here, exclusive, are reserved on the medium */
    bool numbered;            /* `run` is valid */
    uint16_t mask;            /* length of the queue, a power of two, less one */
    volatile bool busy;      /* a transfer is in progress */
    volatile uint8_t error;  /* the first one; nothing is begun after it */
};

/* For drivers with interrupts: the transfer in progress has ended. Begins the next one. */
void tinyseg_storage_finish(tinyseg_storage *storage, tinyseg_storage_status status);

/* For the network. */
tinyseg_storage_status tinyseg_storage_open(tinyseg_storage *storage, uint32_t bytes, uint32_t block_bytes);
void tinyseg_storage_close(tinyseg_storage *storage);
void tinyseg_storage_advance(tinyseg_storage *storage);
uint32_t tinyseg_storage_ask(tinyseg_storage *storage, bool write, uint32_t offset, uint8_t *data, uint32_t bytes);
/* Gives the inference its number, before the first transfer: `buffer` is of a record of blocks of `block_bytes`, `line`
 * what is about to be spilled. */
tinyseg_storage_status tinyseg_storage_number(tinyseg_storage *storage, uint8_t *buffer, uint32_t block_bytes,
                                              const uint8_t *line, uint32_t line_bytes);
#ifdef TINYSEG_IDLE
/* The application's (-DTINYSEG_IDLE=its_name): called again and again while a transfer is waited for. */
void TINYSEG_IDLE(void);
#endif
tinyseg_storage_status tinyseg_storage_wait(tinyseg_storage *storage, uint32_t ticket);

#ifdef __cplusplus
}
#endif

#endif
