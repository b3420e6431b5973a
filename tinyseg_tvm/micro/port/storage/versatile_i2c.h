/* SPDX-License-Identifier: Apache-2.0 */
/* The serial bus interface of Arm's Versatile and MPS2 boards: two lines in a register pair. */
#ifndef TINYSEG_VERSATILE_I2C_H
#define TINYSEG_VERSATILE_I2C_H

#include "eeprom_storage.h"

extern const i2c_lines versatile_i2c;

#endif
