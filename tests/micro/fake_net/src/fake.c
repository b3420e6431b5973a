/* output 0 = input 0 + weights (modulo 256), output 1 = the two lines of input 1 exclusive-ored.
 * The first byte of input 0 can ask for misbehaviour. */
#include "fake.h"

#include <stdbool.h>
#include <string.h>

enum {
    RECURSE = 201,
    WRITE_NOWHERE = 202,
    UNDEFINED_INSTRUCTION = 203,
    WRITE_OUTSIDE = 204,
    LOOP = 205,
    FAIL = 206,
    WRITE_FLASH = 207,
    WORK = 208,
    SIGNED_OVERFLOW = 209
};

static uint32_t outside[4];
const volatile uint32_t fake_nowhere = FAKE_NOWHERE;

static uint32_t recurse(uint32_t depth)
{
    volatile uint32_t frame[16];
    frame[depth & 15u] = depth;
    return depth == 0 ? frame[0] : recurse(depth - 1u) + frame[depth & 15u];
}

__attribute__((noinline)) static void work(uint8_t *line)
{
    for (uint32_t i = 0; i < FAKE_WORK; i++) {
        line[i & 7u] = (uint8_t)(line[i & 7u] * 5u + 1u);
    }
}

__attribute__((noinline)) static void misbehave(uint8_t what)
{
    switch (what) {
    case RECURSE:
        (void)recurse(1000000u);
        break;
    case WRITE_NOWHERE:
        *(volatile uint32_t *)(uintptr_t)fake_nowhere = 1u;
        break;
    case WRITE_FLASH:
        *(volatile uint8_t *)(uintptr_t)fake_weights = 77u;
        break;
    case UNDEFINED_INSTRUCTION:
#ifdef __arm__
        __asm__ volatile("udf #0");
#endif
        break;
    case WRITE_OUTSIDE:
        for (uint32_t i = 0; i < 4u; i++) {
            *(volatile uint32_t *)&outside[i] = i;
        }
        break;
    case LOOP:
        for (volatile bool forever = true; forever;) {
        }
        break;
    case SIGNED_OVERFLOW: {
        volatile int32_t most = INT32_MAX;
        most = most + 1;
        break;
    }
    default:
        break;
    }
}

fake_status fake_init(fake_context *context, void *arena, size_t arena_bytes, const fake_io *io)
{
    if (context == NULL || arena == NULL || arena_bytes < FAKE_ARENA_SIZE) {
        return FAKE_ERROR_ARGUMENT;
    }
    memset(context, 0, sizeof *context);
    context->arena = arena;
    context->io = *io;
    return FAKE_OK;
}

static const uint8_t *input_line(fake_context *context, uint32_t input, uint32_t line, uint32_t bytes, uint32_t offset)
{
    uint8_t *data = context->arena + offset + line * bytes;
#if FAKE_IO_LINES
    data = context->arena + (input == 0u ? 0u : 16u + 8u * line); /* no whole input is ever in memory */
    (void)offset;
    if (context->io.read_line(context->io.user, input, line, data, bytes) != 0) {
        return NULL;
    }
#else
    (void)input;
#endif
    return data;
}

static bool output_line(fake_context *context, uint32_t output, uint32_t line, const uint8_t *data, uint32_t bytes, uint32_t offset)
{
    context->next_step[output]++;
#ifdef TINYSEG_OBSERVE
    fake_observe(context->io.user, output, 0, line, data, bytes);
#endif
#if FAKE_IO_LINES
    (void)offset;
    return context->io.write_line(context->io.user, output, line, data, bytes) == 0;
#else
    memcpy(context->arena + offset + line * bytes, data, bytes);
    return true;
#endif
}

fake_status fake_run(fake_context *context)
{
    uint8_t *scratch = context->arena + 112u;
    for (uint32_t line = 0; line < FAKE_INPUT0_LINES; line++) {
        const uint8_t *in = input_line(context, 0, line, FAKE_INPUT0_LINE_BYTES, FAKE_INPUT0_OFFSET);
        if (in == NULL || (line == 0 && in[0] == FAIL)) {
            return FAKE_ERROR_INPUT;
        }
        if (line == 0) {
            misbehave(in[0]);
        }
        for (uint32_t i = 0; i < FAKE_INPUT0_LINE_BYTES; i++) {
            scratch[i] = (uint8_t)(in[i] + fake_weights[i]);
        }
        if (line == 0 && in[0] == WORK) {
            work(scratch);
        }
        if (!output_line(context, 0, line, scratch, FAKE_OUTPUT0_LINE_BYTES, FAKE_OUTPUT0_OFFSET)) {
            return FAKE_ERROR_OUTPUT;
        }
    }
    const uint8_t *first = input_line(context, 1, 0, FAKE_INPUT1_LINE_BYTES, FAKE_INPUT1_OFFSET);
    const uint8_t *second = input_line(context, 1, 1, FAKE_INPUT1_LINE_BYTES, FAKE_INPUT1_OFFSET);
    if (first == NULL || second == NULL) {
        return FAKE_ERROR_INPUT;
    }
    for (uint32_t i = 0; i < FAKE_INPUT1_LINE_BYTES; i++) {
        scratch[i] = first[i] ^ second[i];
    }
    return output_line(context, 1, 0, scratch, FAKE_OUTPUT1_LINE_BYTES, FAKE_OUTPUT1_OFFSET) ? FAKE_OK : FAKE_ERROR_OUTPUT;
}
