/* SPDX-License-Identifier: Apache-2.0 */
/* SSI0 of the LM3S6965 (Stellaris data sheet, "Synchronous Serial Interface" and "General-Purpose Input/Outputs"). */
#include "stellaris_ssi.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define RUN_MODE_CLOCKS_1 REGISTER(0x400FE104) /* RCGC1: SSI0 is bit 4 */
#define RUN_MODE_CLOCKS_2 REGISTER(0x400FE108) /* RCGC2: ports A and D are bits 0 and 3 */
#define PORT_A_FUNCTION REGISTER(0x40004420)
#define PORT_A_ENABLE REGISTER(0x4000451C)
#define PORT_D_SELECT REGISTER(0x40007000 + (1u << 2)) /* data of pin 0 alone */
#define PORT_D_DIRECTION REGISTER(0x40007400)
#define PORT_D_ENABLE REGISTER(0x4000751C)
#define SSI_CONTROL_0 REGISTER(0x40008000)
#define SSI_CONTROL_1 REGISTER(0x40008004)
#define SSI_DATA REGISTER(0x40008008)
#define SSI_STATUS REGISTER(0x4000800C)
#define SSI_PRESCALER REGISTER(0x40008010)

#define EIGHT_BITS 7u
#define ENABLED 2u
#define RECEIVED 4u
#define FIFO 8u

static void start(bool fast)
{
    RUN_MODE_CLOCKS_1 |= 1u << 4;
    RUN_MODE_CLOCKS_2 |= (1u << 0) | (1u << 3);
    PORT_A_FUNCTION |= 0x34u; /* clock, receive, transmit */
    PORT_A_ENABLE |= 0x34u;
    PORT_D_DIRECTION |= 1u;
    PORT_D_ENABLE |= 1u;
    SSI_CONTROL_1 = 0;
    SSI_PRESCALER = fast ? 2u : 126u; /* of the system clock; an even number */
    SSI_CONTROL_0 = EIGHT_BITS;
    SSI_CONTROL_1 = ENABLED;
}

static void select(bool selected)
{
    PORT_D_SELECT = selected ? 0u : 1u;
}

/* Keeps the FIFO filled: what comes in is one FIFO behind what goes out. */
static void exchange(const uint8_t *out, uint8_t *in, uint32_t bytes)
{
    uint32_t sent = 0;
    for (uint32_t received = 0; received < bytes; ++received) {
        while (sent < bytes && sent - received < FIFO) {
            SSI_DATA = out != NULL ? out[sent] : 0xFFu;
            ++sent;
        }
        while ((SSI_STATUS & RECEIVED) == 0u) { /* a byte takes eight clocks, whatever the card does */
        }
        const uint8_t byte = (uint8_t)SSI_DATA;
        if (in != NULL) {
            in[received] = byte;
        }
    }
}

const sd_bus stellaris_ssi = {start, select, exchange};
