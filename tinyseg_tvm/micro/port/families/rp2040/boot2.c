/* SPDX-License-Identifier: Apache-2.0 */
/* The second stage that the RP2040's boot ROM loads from the first 256 bytes of flash into RAM, checks and starts.
 *
 * RP2040 Datasheet, "Flash Second Stage" and "SSI"; Winbond W25Q16JV, "Fast Read Quad Output (6Bh)", "Write Enable for
 * Volatile Status Register (50h)". It sets up reading by four lines (command and address by one), without modes that
 * would outlive a reset, then starts the program whose vector table is at 0x10000100. In assembly, so that the last word
 * holds for every compiler: CRC-32 of the 252 bytes before it (polynomial 0x04C11DB7, from 0xFFFFFFFF, unreflected);
 * `tinyseg build` checks it. */
__asm__(
    ".pushsection .boot2, \"ax\"\n"
    ".syntax unified\n"
    ".thumb\n"
    "boot2_start:\n"
    "push {lr}\n"
    "ldr r3, boot2_ssi\n"
    "movs r0, #0\n"
    "str r0, [r3, #0x08]\n" /* SSIENR: off */
    "movs r0, #4\n"
    "str r0, [r3, #0x14]\n" /* BAUDR: a quarter of the system clock */
    "ldr r0, boot2_bytes\n"
    "str r0, [r3, #0x00]\n" /* CTRLR0 */
    "movs r0, #1\n"
    "str r0, [r3, #0x08]\n"
    "movs r0, #0x50\n" /* write enable for the volatile status register */
    "str r0, [r3, #0x60]\n"
    "bl boot2_wait\n"
    "ldr r0, [r3, #0x60]\n"
    "movs r0, #0x31\n" /* status register 2: quad enable */
    "movs r1, #0x02\n"
    "str r0, [r3, #0x60]\n"
    "str r1, [r3, #0x60]\n"
    "bl boot2_wait\n"
    "ldr r0, [r3, #0x60]\n"
    "ldr r0, [r3, #0x60]\n"
    "movs r0, #0\n"
    "str r0, [r3, #0x08]\n"
    "ldr r1, boot2_words\n"
    "str r1, [r3, #0x00]\n" /* CTRLR0 */
    "str r0, [r3, #0x04]\n" /* CTRLR1: one frame a transfer */
    "movs r2, #0xF4\n"
    "ldr r1, boot2_read\n"
    "str r1, [r3, r2]\n" /* SPI_CTRLR0 */
    "movs r0, #1\n"
    "str r0, [r3, #0x08]\n"
    "pop {r0}\n"
    "cmp r0, #0\n"
    "beq 1f\n"
    "bx r0\n" /* called from a program: back to it */
    "1: ldr r0, boot2_vectors\n"
    "ldr r1, boot2_vtor\n"
    "str r0, [r1]\n"
    "ldmia r0!, {r1, r2}\n"
    "msr msp, r1\n"
    "bx r2\n"
    "boot2_wait:\n" /* until everything is sent */
    "ldr r1, [r3, #0x28]\n" /* SR */
    "movs r0, #0x04\n"      /* TFE */
    "tst r1, r0\n"
    "beq boot2_wait\n"
    "movs r0, #0x01\n" /* BUSY */
    "tst r1, r0\n"
    "bne boot2_wait\n"
    "bx lr\n"
    ".balign 4\n"
    "boot2_ssi: .word 0x18000000\n"
    "boot2_bytes: .word 0x00070000\n" /* frames of 8 bits, sent and received */
    "boot2_words: .word 0x005F0300\n" /* quad data, frames of 32 bits, address sent and data received */
    "boot2_read: .word 0x6B004218\n"  /* 0x6B of 8 bits, address of 24, 8 cycles; both by one line */
    "boot2_vectors: .word 0x10000100\n"
    "boot2_vtor: .word 0xE000ED08\n"
    ".org 252\n"
    ".word 0x03992BD5\n"
    ".popsection\n");
