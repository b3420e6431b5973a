/* SPDX-License-Identifier: Apache-2.0 */
/* Storage in a file of the working directory (port.h): by stdio on the host, by semihosting elsewhere. */
#ifndef TINYSEG_FILE_STORAGE_H
#define TINYSEG_FILE_STORAGE_H

#include "tinyseg_storage.h"

typedef struct {
    tinyseg_storage storage;
    const char *name;
    int32_t file; /* plus one; 0: not open */
} file_storage;

/* `block_bytes`: what the file pretends to be made of. The file is created by the first inference. */
tinyseg_storage *file_storage_init(file_storage *driver, const char *name, uint32_t capacity, uint32_t block_bytes);

#endif
