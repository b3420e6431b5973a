#include <string.h>
#include "driver_faults.h"
#include "eeprom_storage.h"

#define PAGE 32u
#define WRITE_ADDRESS 0xA0u

/* A memory at two lines: it sees starts, stops and bits, pulls the data line for what it takes, and programs a page at
 * a stop. */
static eeprom_storage driver;
static bool clock_line, data_line, pull, sending, given, selected, refused;
static uint32_t bits, count, shift, address, first, held, busy;
static uint8_t page[PAGE];

static void start_condition(void)
{
    bits = UINT32_MAX; /* the clock falls once before the first bit */
    count = 0;
    sending = given = pull = false;
    selected = true;
}

static void stop_condition(void)
{
    if (selected && held != 0u) { /* programs the page */
        operation();
        const outcome found = outcome_of(first, held);
        for (uint32_t i = 0; i < found.bytes && !found.lost; ++i) {
            medium[found.offset + i] = page[i] ^ (i == 0u ? found.flip : 0u);
        }
        busy = slow ? 3u : 0u;
    }
    held = 0;
    selected = sending = pull = false;
}

static uint8_t next_byte(void)
{
    const outcome found = outcome_of(address, 1);
    const uint8_t byte = found.lost || found.bytes == 0u ? 0xFFu : medium[found.offset % MEDIUM_BYTES];
    address = (address + 1u) % MEDIUM_BYTES;
    given = true;
    return byte ^ found.flip;
}

/* A byte has come; whether it is taken. */
static bool taken(uint32_t byte)
{
    if (silent) {
        return false;
    }
    if (count == 0u) {
        if (busy != 0u) {
            --busy;
            return false;
        }
        if ((byte & 0xFEu) != WRITE_ADDRESS) {
            return false;
        }
        if ((byte & 1u) != 0u) {
            operation();
            if (now == REFUSE || silent) {
                return false;
            }
            sending = true;
        }
    } else if (count == 1u) {
        address = byte << 8;
    } else if (count == 2u) {
        address |= byte;
        first = address;
        held = 0;
    } else {
        page[(address + held - first) % PAGE] = (uint8_t)byte;
        ++held;
    }
    ++count;
    return true;
}

static void set_clock(uint32_t bus, bool level)
{
    (void)bus;
    const bool rises = level && !clock_line, falls = !level && clock_line;
    clock_line = level;
    if (!selected) {
        return;
    }
    if (rises && bits < 8u && !sending) {
        shift = shift << 1 | (data_line ? 1u : 0u);
    }
    if (rises && bits == 8u && given && data_line) { /* the master wants no further byte */
        refused = true;
    }
    if (!falls) {
        return;
    }
    ++bits;
    if (bits == 9u) {
        bits = 0;
        pull = false;
        if (sending && !refused) {
            shift = next_byte();
        }
        refused = false;
    } else if (bits == 8u && !sending) {
        pull = taken(shift & 0xFFu);
        selected = selected && pull;
        if (!selected) {
            pull = false;
            held = 0;
        }
        return;
    }
    if (sending) {
        pull = bits < 8u && (shift >> (7u - bits) & 1u) == 0u;
    }
}

static void set_data(uint32_t bus, bool level)
{
    (void)bus;
    const bool before = data_line;
    data_line = level;
    if (clock_line && before != level) {
        if (level) {
            stop_condition();
        } else {
            start_condition();
        }
    }
}

static bool data(uint32_t bus)
{
    (void)bus;
    return data_line && !pull;
}

tinyseg_storage *device_start(void)
{
    static const i2c_lines lines = {set_clock, set_data, data};
    memset(&driver, 0, sizeof driver);
    clock_line = data_line = true;
    pull = sending = given = selected = refused = false;
    bits = count = shift = held = busy = 0;
    tinyseg_storage *storage = eeprom_storage_init(&driver, &lines, 0, PAGE, 32768);
    storage->patience = 1000;
    return storage;
}
