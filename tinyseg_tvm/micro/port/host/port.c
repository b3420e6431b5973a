/* SPDX-License-Identifier: Apache-2.0 */
/* port.h for a native process: files of the working directory by stdio. Nothing is counted. */
#include "port.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST_FILES 64

static FILE *files[MOST_FILES];

static int32_t open_file(const char *name, const char *mode)
{
    for (int32_t file = 0; file < MOST_FILES; file++) {
        if (files[file] == NULL) {
            files[file] = fopen(name, mode);
            return files[file] == NULL ? -1 : file;
        }
    }
    return -1;
}

int32_t port_open(const char *name, bool writable)
{
    return open_file(name, writable ? "wb" : "rb");
}

int32_t port_open_update(const char *name)
{
    return open_file(name, "w+b");
}

bool port_read(int32_t file, uint32_t offset, void *data, size_t bytes)
{
    return fseek(files[file], (long)offset, SEEK_SET) == 0 && fread(data, 1, bytes, files[file]) == bytes;
}

bool port_write(int32_t file, const void *data, size_t bytes)
{
    return fwrite(data, 1, bytes, files[file]) == bytes;
}

bool port_write_at(int32_t file, uint32_t offset, const void *data, size_t bytes)
{
    return fseek(files[file], (long)offset, SEEK_SET) == 0 && port_write(file, data, bytes);
}

void port_close(int32_t file)
{
    const int failed = fclose(files[file]);
    files[file] = NULL;
    if (failed != 0) {
        port_exit(PORT_EXIT_FILE);
    }
}

void port_exit(int status)
{
    exit(status);
}

uint32_t port_stack_bytes(void)
{
    return 0;
}

void perf_begin(void)
{
}

void perf_pause(void)
{
}

void perf_resume(void)
{
}

void perf_end(void)
{
}
