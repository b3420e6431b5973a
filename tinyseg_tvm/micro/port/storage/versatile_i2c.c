/* SPDX-License-Identifier: Apache-2.0 */
/* The serial bus interface of Arm's MPS2 boards (Cortex-M Prototyping System reference manual, "Two-wire serial
 * interface"): writing ones to the first register sets lines, to the second clears them. */
#include "versatile_i2c.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define CLOCK_LINE 1u
#define DATA_LINE 2u

static void set_line(uint32_t address, uint32_t line, bool level)
{
    REGISTER(address + (level ? 0u : 4u)) = line;
}

static void set_clock(uint32_t address, bool level)
{
    set_line(address, CLOCK_LINE, level);
}

static void set_data(uint32_t address, bool level)
{
    set_line(address, DATA_LINE, level);
}

static bool data(uint32_t address)
{
    return (REGISTER(address) & DATA_LINE) != 0u;
}

const i2c_lines versatile_i2c = {set_clock, set_data, data};
