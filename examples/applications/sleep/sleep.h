/* SPDX-License-Identifier: Apache-2.0 */
/* What the application needs of a medium whose transfers end by an interrupt. */
#ifndef SLEEP_H
#define SLEEP_H

#include <stdbool.h>
#include <stdint.h>

/* The board's: */
bool next_image(uint8_t *image, uint32_t bytes);
bool use_mask(const uint8_t *mask, uint32_t bytes);
void medium_begin(bool write, uint32_t offset, uint8_t *data, uint32_t bytes); /* medium_done() tells its end */
void medium_stop(void);

/* The application's, called by the medium's interrupt: */
void medium_done(bool well);

#endif
