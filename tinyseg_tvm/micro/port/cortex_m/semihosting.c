/* SPDX-License-Identifier: Apache-2.0 */
/* Files, console and exit of port.h by semihosting. Each request is one instruction. */
#include "semihosting.h"
#include "port.h"

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_SEEK = 0x0A,
    SYS_EXIT = 0x18,
    SYS_EXIT_EXTENDED = 0x20
};

enum { MODE_READ_BINARY = 1, MODE_WRITE_BINARY = 5, MODE_UPDATE_BINARY = 7 };

#define STOPPED_APPLICATION_EXIT 0x20026u
#define STOPPED_RUN_TIME_ERROR 0x20023u

/* The program's only contact with the world. A debugger may serve it as well: it finds the instruction in here. */
static __attribute__((noinline)) int32_t semihosting_request(int32_t operation, const void *parameters)
{
    register int32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = parameters;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uint32_t word(const void *pointer)
{
    return (uint32_t)(uintptr_t)pointer;
}

void semihosting_print(const char *text)
{
    (void)semihosting_request(SYS_WRITE0, text);
}

static int32_t open_file(const char *name, uint32_t mode)
{
    uint32_t length = 0;
    while (name[length] != '\0') {
        length++;
    }
    const uint32_t parameters[3] = { word(name), mode, length };
    return semihosting_request(SYS_OPEN, parameters);
}

int32_t port_open(const char *name, bool writable)
{
    return open_file(name, writable ? MODE_WRITE_BINARY : MODE_READ_BINARY);
}

int32_t port_open_update(const char *name)
{
    return open_file(name, MODE_UPDATE_BINARY);
}

bool port_read(int32_t file, uint32_t offset, void *data, size_t bytes)
{
    const uint32_t seek[2] = { (uint32_t)file, offset };
    const uint32_t read[3] = { (uint32_t)file, word(data), (uint32_t)bytes };
    return semihosting_request(SYS_SEEK, seek) == 0 && semihosting_request(SYS_READ, read) == 0; /* SYS_READ: bytes not read */
}

bool port_write(int32_t file, const void *data, size_t bytes)
{
    const uint32_t parameters[3] = { (uint32_t)file, word(data), (uint32_t)bytes };
    return semihosting_request(SYS_WRITE, parameters) == 0; /* bytes not written */
}

bool port_write_at(int32_t file, uint32_t offset, const void *data, size_t bytes)
{
    const uint32_t seek[2] = { (uint32_t)file, offset };
    return semihosting_request(SYS_SEEK, seek) == 0 && port_write(file, data, bytes);
}

void port_close(int32_t file)
{
    const uint32_t parameters[1] = { (uint32_t)file };
    (void)semihosting_request(SYS_CLOSE, parameters);
}

void port_exit(int status)
{
    const uint32_t parameters[2] = { STOPPED_APPLICATION_EXIT, (uint32_t)status };
    (void)semihosting_request(SYS_EXIT_EXTENDED, parameters);
    /* A debugger that does not know the status is told success or failure. */
    const uint32_t reason = status == 0 ? STOPPED_APPLICATION_EXIT : STOPPED_RUN_TIME_ERROR;
    (void)semihosting_request(SYS_EXIT, (const void *)(uintptr_t)reason);
    for (;;) {
    }
}
