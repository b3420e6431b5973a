#include <string.h>
#include "driver_faults.h"
#include "sd_storage.h"

/* A high capacity card in SPI mode: what it gives back for a byte depends on what came before. */
#define ANSWER_ROOM 1024u

static sd_storage driver;
static uint8_t frame[6], answer[ANSWER_ROOM], block[SD_BLOCK];
static uint32_t framed, answers, answered, received, address, busy;
static bool started, idle, application, writing, opened;

static void say(uint8_t byte)
{
    answer[answers++ % ANSWER_ROOM] = byte;
}

static void give_block(uint32_t bytes, uint32_t offset)
{
    const outcome found = outcome_of(offset, bytes);
    for (uint32_t i = 0; slow && i < 40u; ++i) {
        say(0xFFu);
    }
    say(0xFEu);
    for (uint32_t i = 0; i < bytes; ++i) {
        const bool there = !found.lost && i < found.bytes;
        say((uint8_t)((there ? medium[found.offset + i] : 0xFFu) ^ (i == 0u ? found.flip : 0u)));
    }
    say(0xFFu);
    say(0xFFu);
}

static void command(void)
{
    const uint8_t number = frame[0] & 0x3Fu;
    const uint32_t argument =
        (uint32_t)frame[1] << 24 | (uint32_t)frame[2] << 16 | (uint32_t)frame[3] << 8 | (uint32_t)frame[4];
    static const uint8_t csd[16] = {0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0}; /* 512 KiB */
    answers = answered = 0;
    say(0xFFu);
    if (number == 0u) {
        idle = true;
        started = false;
        say(0x01u);
    } else if (!started && !idle) {
        answers = 0; /* another card, which nobody has started */
    } else if (number == 8u) {
        say(0x01u);
        say(0), say(0), say(1), say(0xAAu);
    } else if (number == 55u) {
        application = true;
        say((uint8_t)(started ? 0x00u : 0x01u));
        return;
    } else if (number == 41u && application) {
        started = true;
        idle = false;
        say(0x00u);
    } else if (number == 58u) {
        say(0x00u);
        say(0xC0u), say(0), say(0), say(0);
    } else if (number == 9u) {
        say(0x00u);
        say(0xFEu);
        for (uint32_t i = 0; i < sizeof csd; ++i) {
            say(csd[i]);
        }
        say(0xFFu), say(0xFFu);
    } else if (number == 17u) {
        operation();
        if (now == REFUSE) {
            say(0x00u);
            say(0x08u); /* an error token: out of range */
        } else {
            say(0x00u);
            give_block(SD_BLOCK, argument * SD_BLOCK);
        }
        if (now == DOUBLED) {
            give_block(SD_BLOCK, argument * SD_BLOCK);
        }
    } else if (number == 24u) {
        say(0x00u);
        address = argument * SD_BLOCK;
        writing = true;
        opened = false;
        received = 0;
    } else {
        say(0x04u); /* unknown */
    }
    application = false;
}

static void written(void)
{
    operation();
    const outcome found = outcome_of(address, SD_BLOCK);
    answers = answered = 0;
    writing = false;
    if (now == REFUSE) {
        say(0x0Du); /* a write error */
        return;
    }
    for (uint32_t i = 0; i < found.bytes && !found.lost; ++i) {
        medium[found.offset + i] = (uint8_t)(block[i] ^ (i == 0u ? found.flip : 0u));
    }
    say(0xE5u); /* accepted */
    for (uint32_t i = 0; slow && i < 20u; ++i) {
        say(0x00u); /* programming */
    }
    if (now == DOUBLED) {
        say(0xE5u);
    }
}

static uint8_t exchanged(uint8_t byte)
{
    if (silent) {
        return 0xFFu;
    }
    const uint8_t back = answered < answers ? answer[answered++] : 0xFFu;
    if (writing) {
        if (!opened) {
            opened = byte == 0xFEu;
        } else if (received < SD_BLOCK) {
            block[received++] = byte;
        } else if (++received == SD_BLOCK + 2u) {
            written();
        }
        return back;
    }
    if (framed != 0u || (byte & 0xC0u) == 0x40u) {
        frame[framed++] = byte;
        if (framed == sizeof frame) {
            framed = 0;
            command();
        }
    }
    return back;
}

static void start(bool fast)
{
    (void)fast;
}

static void select(bool selected)
{
    if (!selected) {
        framed = 0;
        writing = false;
        answers = answered = 0;
    }
}

static void exchange(const uint8_t *out, uint8_t *in, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; ++i) {
        const uint8_t back = exchanged(out != NULL ? out[i] : 0xFFu);
        if (in != NULL) {
            in[i] = back;
        }
    }
}

tinyseg_storage *device_start(void)
{
    static const sd_bus bus = {start, select, exchange};
    memset(&driver, 0, sizeof driver);
    started = idle = application = writing = false;
    framed = answers = answered = busy = 0;
    tinyseg_storage *storage = sd_storage_init(&driver, &bus, 0, MEDIUM_BYTES);
    storage->patience = 1000;
    return storage;
}
