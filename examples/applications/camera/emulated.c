/* SPDX-License-Identifier: Apache-2.0 */
/* A camera in QEMU: SysTick's interrupt stands for that of a DMA transfer, frames are the project's test vectors. */
#include "camera.h"

#include "net.h"
#include "port.h"

#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)

#define LINE_TICKS 2000u

#ifndef CAMERA_BURSTS
#define CAMERA_BURSTS 0 /* 1: a camera so fast that lines come without a pause as long as there is a buffer */
#endif

void SysTick_Handler(void);

static uint32_t frames;
static int32_t input, output;
static uint8_t *volatile receiving; /* NULL: nothing is asked for */
static uint32_t line_bytes, next_line;

bool camera_begins_frame(void)
{
    char in[] = "input0_0.bin", out[] = "output0_0.bin";
    if (frames > 0) {
        port_close(input);
        port_close(output);
    }
    in[5] = out[6] = (char)('0' + frames);
    frames++;
    next_line = 0;
    input = port_open(in, false);
    output = input < 0 ? input : port_open(out, true);
    return output >= 0;
}

void camera_receive(uint8_t *line, uint32_t bytes)
{
    line_bytes = bytes;
    receiving = line;
    SYST_RVR = LINE_TICKS;
    SYST_CVR = 0;
    SYST_CSR = 7u; /* on, with its interrupt, by the processor's clock */
}

void SysTick_Handler(void)
{
    SYST_CSR = 0;
    while (receiving != NULL) { /* it is NULL where the timer ran out during a burst */
        uint8_t *const line = receiving;
        receiving = NULL;
        if (!port_read(input, next_line * line_bytes, line, line_bytes)) {
            port_exit(PORT_EXIT_FILE);
        }
        next_line++;
        camera_line_done();
        if (!CAMERA_BURSTS) {
            break;
        }
    }
}

void camera_wait(void)
{
    __asm__ volatile("wfe");
}

bool use_line(uint32_t line, const void *mask, size_t bytes)
{
    (void)line;
    return port_write(output, mask, bytes);
}
