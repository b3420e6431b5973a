/* SPDX-License-Identifier: Apache-2.0 */
/* What the network's thread needs of an operating system. */
#ifndef OS_H
#define OS_H

#include <stdbool.h>
#include <stddef.h>

void os_yield(void);                                       /* other threads run */
bool os_wait_for_image(void *image, size_t bytes);         /* false: there is none any more */
void os_deliver(int status, const void *mask, size_t bytes);

/* The application's: the thread's function. */
void network_thread(void);

#endif
