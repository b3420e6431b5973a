/* SPDX-License-Identifier: Apache-2.0 */
/* A medium in QEMU: SysTick's interrupt ends a transfer, images are the project's test vectors. */
#include "sleep.h"

#include <string.h>

#include "net.h"
#include "port.h"

#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)
#define TRANSFER_TICKS 20000u

void SysTick_Handler(void);

static uint8_t medium[NET_STORAGE0_BYTES];
static struct {
    bool write;
    uint32_t offset;
    uint8_t *data;
    uint32_t bytes;
} transfer;
static uint32_t images, masks;

bool next_image(uint8_t *image, uint32_t bytes)
{
    char name[] = "input0_0.bin";
    name[5] = (char)('0' + images);
    const int32_t file = port_open(name, false);
    if (file < 0) {
        return false;
    }
    images++;
    const bool there = port_read(file, 0, image, bytes);
    port_close(file);
    return there;
}

bool use_mask(const uint8_t *mask, uint32_t bytes)
{
    char name[] = "output0_0.bin";
    name[6] = (char)('0' + masks);
    masks++;
    const int32_t file = port_open(name, true);
    const bool written = file >= 0 && port_write(file, mask, bytes);
    port_close(file);
    return written;
}

void medium_begin(bool write, uint32_t offset, uint8_t *data, uint32_t bytes)
{
    transfer.write = write;
    transfer.offset = offset;
    transfer.data = data;
    transfer.bytes = bytes;
    SYST_RVR = TRANSFER_TICKS;
    SYST_CVR = 0;
    SYST_CSR = 7u; /* on, with its interrupt, by the processor's clock */
}

void medium_stop(void)
{
    SYST_CSR = 0;
}

void SysTick_Handler(void)
{
    SYST_CSR = 0;
    uint8_t *const there = medium + transfer.offset;
    memcpy(transfer.write ? there : transfer.data, transfer.write ? transfer.data : there, transfer.bytes);
    medium_done(true);
}
