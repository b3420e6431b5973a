/* SPDX-License-Identifier: Apache-2.0 */
/* What the application needs of a camera that sends lines by DMA, and of whoever uses the mask. */
#ifndef CAMERA_H
#define CAMERA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The board's: */
bool camera_begins_frame(void);                     /* waits for the next frame; false: there is none any more */
void camera_receive(uint8_t *line, uint32_t bytes); /* begins the transfer of the next line; camera_line_done() ends it */
void camera_wait(void);                             /* sleeps until something has happened, an interrupt at the latest */
bool use_line(uint32_t line, const void *mask, size_t bytes);

/* The application's, called by the interrupt of the DMA: */
void camera_line_done(void);

#endif
