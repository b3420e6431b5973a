/* SPDX-License-Identifier: Apache-2.0 */
/* The inner loop of the depthwise kernel for Armv6-M, in assembler: eight registers to compute with, four to keep sums in.
 * It computes what sum_3 of tinyseg_depthwise_body.h does for three rows. */
#ifndef TINYSEG_DEPTHWISE_V6M_H
#define TINYSEG_DEPTHWISE_V6M_H

#include "tinyseg_platform.h"

/* r0 a row, r1 channels, r2 zero, r3-r5 the row's weights, r6 a value, r7 a product, r8-r11 sums, r12 twice the
 * channels, lr weights. Stack: the rows, weights, sums. */
#define TINYSEG_PRODUCT(weight, sum) "movs r7, r6\n\tmuls r7, " weight ", r7\n\tadd " sum ", r7\n\t"
#define TINYSEG_LAST_PRODUCT(weight, sum) "muls r6, " weight ", r6\n\tadd " sum ", r6\n\t"
#define TINYSEG_ROW(slot) \
    "mov r7, lr\n\t" \
    "ldrsb r3, [r7, r2]\n\t" \
    "ldrsb r4, [r7, r1]\n\t" \
    "add r7, r12\n\t" \
    "ldrsb r5, [r7, r2]\n\t" \
    "adds r7, r7, r1\n\t" \
    "mov lr, r7\n\t" \
    "ldr r0, [sp, #" slot "]\n\t" \
    "ldrsb r6, [r0, r2]\n\t" TINYSEG_LAST_PRODUCT("r3", "r8") \
    "ldrsb r6, [r0, r1]\n\t" TINYSEG_PRODUCT("r4", "r8") TINYSEG_LAST_PRODUCT("r3", "r9") \
    "add r0, r12\n\t" \
    "ldrsb r6, [r0, r2]\n\t" TINYSEG_PRODUCT("r5", "r8") TINYSEG_PRODUCT("r4", "r9") TINYSEG_LAST_PRODUCT("r3", "r10") \
    "ldrsb r6, [r0, r1]\n\t" TINYSEG_PRODUCT("r5", "r9") TINYSEG_PRODUCT("r4", "r10") TINYSEG_LAST_PRODUCT("r3", "r11") \
    "add r0, r12\n\t" \
    "ldrsb r6, [r0, r2]\n\t" TINYSEG_PRODUCT("r5", "r10") TINYSEG_LAST_PRODUCT("r4", "r11") \
    "ldrsb r6, [r0, r1]\n\t" TINYSEG_LAST_PRODUCT("r5", "r11") \
    "str r0, [sp, #" slot "]\n\t"

__attribute__((naked, noinline, unused)) static void tinyseg_sum_3x3_v6m(
    __attribute__((unused)) const int8_t *const *x,
    __attribute__((unused)) int32_t channels,
    __attribute__((unused)) const int8_t *weight,
    __attribute__((unused)) int32_t *sums,
    __attribute__((unused)) const int32_t *sums_end,
    __attribute__((unused)) int32_t bias)
{
    __asm__ volatile(".syntax unified\n\t"
                     "push {r4, r5, r6, r7, lr}\n\t"
                     "mov r4, r8\n\t"
                     "mov r5, r9\n\t"
                     "mov r6, r10\n\t"
                     "mov r7, r11\n\t"
                     "push {r4, r5, r6, r7}\n\t"
                     "sub sp, #20\n\t"
                     "ldmia r0!, {r4, r5, r6}\n\t"
                     "str r4, [sp, #0]\n\t"
                     "str r5, [sp, #4]\n\t"
                     "str r6, [sp, #8]\n\t"
                     "str r2, [sp, #12]\n\t"
                     "str r3, [sp, #16]\n\t"
                     "movs r2, #0\n\t"
                     "lsls r3, r1, #1\n\t"
                     "mov r12, r3\n"
                     "1:\n\t"
                     "ldr r3, [sp, #60]\n\t"
                     "mov r8, r3\n\t"
                     "mov r9, r3\n\t"
                     "mov r10, r3\n\t"
                     "mov r11, r3\n\t"
                     "ldr r3, [sp, #12]\n\t"
                     "mov lr, r3\n\t" TINYSEG_ROW("0") TINYSEG_ROW("4") TINYSEG_ROW("8")
                     "ldr r3, [sp, #16]\n\t"
                     "mov r4, r8\n\t"
                     "mov r5, r9\n\t"
                     "mov r6, r10\n\t"
                     "mov r7, r11\n\t"
                     "stmia r3!, {r4, r5, r6, r7}\n\t"
                     "str r3, [sp, #16]\n\t"
                     "ldr r4, [sp, #56]\n\t"
                     "cmp r3, r4\n\t"
                     "beq 2f\n\t"
                     "b 1b\n"
                     "2:\n\t"
                     "add sp, #20\n\t"
                     "pop {r4, r5, r6, r7}\n\t"
                     "mov r8, r4\n\t"
                     "mov r9, r5\n\t"
                     "mov r10, r6\n\t"
                     "mov r11, r7\n\t"
                     "pop {r4, r5, r6, r7, pc}");
}

#endif
