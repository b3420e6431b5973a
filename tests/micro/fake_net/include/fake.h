/* A network by hand: the C API of a generated library, and every way to misbehave. See fake.c. */
#ifndef FAKE_H
#define FAKE_H

#include <stddef.h>
#include <stdint.h>

#define FAKE_ARENA_SIZE 128u
#define FAKE_ARENA_ALIGN 16u
#define FAKE_OPERATORS 2u
#define FAKE_INPUTS 2u
#define FAKE_OUTPUTS 2u
#define FAKE_IO_LINES 0

#define FAKE_INPUT0_BYTES 48u
#define FAKE_INPUT0_LINES 6u
#define FAKE_INPUT0_LINE_BYTES 8u
#define FAKE_INPUT0_OFFSET 0u
#define FAKE_INPUT1_BYTES 8u
#define FAKE_INPUT1_LINES 2u
#define FAKE_INPUT1_LINE_BYTES 4u
#define FAKE_INPUT1_OFFSET 48u
#define FAKE_OUTPUT0_BYTES 48u
#define FAKE_OUTPUT0_LINES 6u
#define FAKE_OUTPUT0_LINE_BYTES 8u
#define FAKE_OUTPUT0_OFFSET 56u
#define FAKE_OUTPUT1_BYTES 4u
#define FAKE_OUTPUT1_LINES 1u
#define FAKE_OUTPUT1_LINE_BYTES 4u
#define FAKE_OUTPUT1_OFFSET 104u

typedef enum { FAKE_OK = 0, FAKE_ERROR_ARGUMENT = 1, FAKE_ERROR_INPUT = 2, FAKE_ERROR_OUTPUT = 3, FAKE_ERROR_STORAGE = 4 } fake_status;

typedef struct {
    int (*read_line)(void *user, uint32_t input, uint32_t line, void *data, size_t bytes);
    int (*write_line)(void *user, uint32_t output, uint32_t line, const void *data, size_t bytes);
    void *user;
} fake_io;

typedef struct {
    uint8_t *arena;
    fake_io io;
    uint16_t next_step[FAKE_OPERATORS];
} fake_context;

fake_status fake_init(fake_context *context, void *arena, size_t arena_bytes, const fake_io *io);
fake_status fake_run(fake_context *context);
#ifdef TINYSEG_OBSERVE
void fake_observe(void *user, uint32_t node, uint32_t output, uint32_t line, const void *data, size_t bytes);
#endif

extern const uint8_t fake_weights[8];

#endif
