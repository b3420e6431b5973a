/* SPDX-License-Identifier: Apache-2.0 */
/* The SD card of the Stellaris LM3S6965 evaluation kit: SSI0 (an Arm PL022), card select at pin PD0. */
#ifndef TINYSEG_STELLARIS_SSI_H
#define TINYSEG_STELLARIS_SSI_H

#include "sd_storage.h"

extern const sd_bus stellaris_ssi;

#endif
