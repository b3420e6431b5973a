/* SPDX-License-Identifier: Apache-2.0 */
/* Start of a program on a Cortex-M of version 6, 7 or 8: vectors, coprocessors, memory guards, sections, stack.
 *
 * The stack lies at the very bottom of RAM, so that an overflow leaves the RAM and faults instead of reaching the
 * arena: by the stack limit register on version 8, by a guard of the memory protection unit on version 7. Every
 * fault ends the program with status 70 + exception number. Register addresses: Arm architecture reference manuals,
 * "System Control Space". */
#include "port.h"
#include "semihosting.h"

/* From the linker script. */
extern uint32_t stack_limit[], stack_top[];
extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[];
#ifdef PORT_FAST_MEMORY
extern uint32_t fast_copies_start[], fast_copies_end[]; /* from, to, bytes; multiples of 4 */
#endif
extern uint8_t flash_start[], flash_end[], ram_start[], ram_end[], guard_end[];

int main(void);
void Reset_Handler(void);
void Fault_Handler(void);
void SysTick_Handler(void);
void report_fault(const uint32_t *frame, uint32_t exception) __attribute__((noreturn, used));
#ifdef PORT_FAMILY
int system_start(void); /* of the board's family: system.c */
#endif

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define WORD(address) REGISTER(address) /* sections are ranges of addresses, no objects of C */
#define SCB_VTOR REGISTER(0xE000ED08)
#define SCB_CCR REGISTER(0xE000ED14)
#define SCB_SHCSR REGISTER(0xE000ED24)
#define SCB_CFSR REGISTER(0xE000ED28)
#define SCB_MMFAR REGISTER(0xE000ED34)
#define SCB_BFAR REGISTER(0xE000ED38)
#define SCB_CPACR REGISTER(0xE000ED88)
#define MPU_TYPE REGISTER(0xE000ED90)
#define MPU_CTRL REGISTER(0xE000ED94)
#define MPU_RNR REGISTER(0xE000ED98)
#define MPU_RBAR REGISTER(0xE000ED9C)
#define MPU_RASR REGISTER(0xE000EDA0) /* version 7 */
#define MPU_RLAR REGISTER(0xE000EDA0) /* version 8 */
#define MPU_MAIR0 REGISTER(0xE000EDC0)

#define STACK_PAINT 0xDEADBEEFu
#define HAS_FAULT_REGISTERS (__ARM_ARCH >= 7)

/* ---- Faults --------------------------------------------------------------------------------------------------- */

static void print_value(const char *key, uint32_t value)
{
    char text[12];
    for (int digit = 0; digit < 8; digit++) {
        text[digit] = "0123456789abcdef"[(value >> (28 - 4 * digit)) & 15u];
    }
    text[8] = '\0';
    semihosting_print(key);
    semihosting_print(text);
}

/* Prints one line and ends the program. `frame`: the registers that the exception stacked. */
void report_fault(const uint32_t *frame, uint32_t exception)
{
    print_value("FAULT exception=0x", exception);
#if HAS_FAULT_REGISTERS
    print_value(" cfsr=0x", SCB_CFSR);
    print_value(" mmfar=0x", SCB_MMFAR);
    print_value(" bfar=0x", SCB_BFAR);
#endif
    print_value(" sp=0x", (uint32_t)(uintptr_t)frame);
    if ((uintptr_t)frame >= (uintptr_t)stack_limit && (uintptr_t)frame + 32u <= (uintptr_t)stack_top) {
        print_value(" lr=0x", frame[5]);
        print_value(" pc=0x", frame[6]);
    }
    semihosting_print("\n");
    port_exit(PORT_EXIT_FAULT + (int)(exception & 15u));
}

/* The stack may be what failed: where fewer than 256 bytes are left of it, the handler starts a new one, which would
 * overwrite the registers that were stacked at the top of an empty one. */
__attribute__((naked)) void Fault_Handler(void)
{
    __asm__ volatile(
        ".syntax unified\n"
        "mrs r0, msp\n"
        "mrs r1, ipsr\n"
#if __ARM_ARCH >= 8
        "movs r2, #0\n"
        "msr msplim, r2\n"
#endif
        "ldr r2, =stack_limit + 256\n"
        "ldr r3, =stack_top\n"
        "cmp r0, r2\n"
        "blo 1f\n"
        "cmp r0, r3\n"
        "blo 2f\n"
        "1: msr msp, r3\n"
        "2: ldr r2, =report_fault\n"
        "bx r2\n"
        ".ltorg\n");
}

__attribute__((weak, alias("Fault_Handler"))) void SysTick_Handler(void);

/* Peripherals' interrupts: whoever uses one defines its handler. */
#define INTERRUPTS(entry) \
    entry(0) entry(1) entry(2) entry(3) entry(4) entry(5) entry(6) entry(7) entry(8) entry(9) entry(10) entry(11) \
    entry(12) entry(13) entry(14) entry(15) entry(16) entry(17) entry(18) entry(19) entry(20) entry(21) entry(22) \
    entry(23) entry(24) entry(25) entry(26) entry(27) entry(28) entry(29) entry(30) entry(31)
#define DECLARED(n) void Interrupt##n##_Handler(void) __attribute__((weak, alias("Fault_Handler")));
#define IN_TABLE(n) [15 + (n)] = Interrupt##n##_Handler,
INTERRUPTS(DECLARED)

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *initial_stack;
    vector handlers[47];
} vectors = {
    .initial_stack = stack_top,
    .handlers = {
        [0] = Reset_Handler,
        [1 ... 13] = Fault_Handler,
        [14] = SysTick_Handler,
        INTERRUPTS(IN_TABLE)
    },
};

/* ---- Memory protection ------------------------------------------------------------------------------------------ */

/* Guards, on top of the default memory map: flash cannot be written, nothing below the RAM (a stack overflow) nor
 * between the end of the RAM (the limit that the program was linked for) and `guard_end` can be used. */
#if __ARM_ARCH == 7
#define RASR_ENABLE 1u
#define RASR_NO_ACCESS (1u << 28) /* execute never, no access */
#define RASR_READ_ONLY ((6u << 24) | (1u << 17)) /* normal, cacheable: strongly ordered takes no unaligned loads */
#define BELOW_RAM_LOG2 16u

static void set_region(uint32_t region, uint32_t origin, uint32_t log2_bytes, uint32_t attributes)
{
    MPU_RNR = region;
    MPU_RBAR = origin;
    MPU_RASR = attributes | ((log2_bytes - 1u) << 1) | RASR_ENABLE;
}

static void protect_memory(void)
{
    const uint32_t regions = (MPU_TYPE >> 8) & 0xFFu;
    if (regions < 3u) {
        return;
    }
    const uint32_t ram = (uint32_t)(uintptr_t)ram_start;
    set_region(0, ram - (1u << BELOW_RAM_LOG2), BELOW_RAM_LOG2, RASR_NO_ACCESS);
    const uint32_t flash = (uint32_t)(uintptr_t)flash_start;
    const uint32_t flash_bytes = (uint32_t)(uintptr_t)flash_end - flash;
    if ((flash & (flash_bytes - 1u)) == 0u && (flash_bytes & (flash_bytes - 1u)) == 0u) {
        set_region(1, flash, (uint32_t)__builtin_ctz(flash_bytes), RASR_READ_ONLY);
    }
    /* Regions are powers of two, aligned to their size: rise to the end in the largest steps that are possible. */
    const uint32_t end = (uint32_t)(uintptr_t)guard_end;
    uint32_t origin = ((uint32_t)(uintptr_t)ram_end + 31u) & ~31u;
    for (uint32_t region = 2; region < regions && origin < end; region++) {
        uint32_t log2_bytes = (uint32_t)__builtin_ctz(origin);
        while (log2_bytes > 5u && origin + (1u << log2_bytes) > end) {
            log2_bytes--;
        }
        set_region(region, origin, log2_bytes, RASR_NO_ACCESS);
        origin += 1u << log2_bytes;
    }
    MPU_CTRL = 5u; /* enabled, default map elsewhere */
    __asm__ volatile("dsb\n isb" ::: "memory");
}
#elif __ARM_ARCH >= 8
/* Version 8 knows no privileged "no access": read-only catches the writes, MSPLIM the stack. */
static void set_read_only(uint32_t region, const uint8_t *start, const uint8_t *end, uint32_t execute_never)
{
    if (start < end) {
        MPU_RNR = region;
        MPU_RBAR = (((uint32_t)(uintptr_t)start + 31u) & ~31u) | (2u << 1) | execute_never;
        MPU_RLAR = (((uint32_t)(uintptr_t)end - 1u) & ~31u) | 1u;
    }
}

static void protect_memory(void)
{
    if (((MPU_TYPE >> 8) & 0xFFu) < 2u) {
        return;
    }
    MPU_MAIR0 = 0xAAu; /* normal memory, cacheable, written through */
    set_read_only(0, flash_start, flash_end, 0u);
    set_read_only(1, ram_end, guard_end, 1u);
    MPU_CTRL = 5u;
    __asm__ volatile("dsb\n isb" ::: "memory");
}
#else
static void protect_memory(void)
{
}
#endif

/* ---- Start ------------------------------------------------------------------------------------------------------ */

static void enable_coprocessors(void)
{
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    SCB_CPACR |= 0xFu << 20;
    __asm__ volatile("dsb\n isb" ::: "memory");
#endif
#ifdef __ARM_FEATURE_MVE
    SCB_CCR |= 1u << 19; /* LOB: low-overhead loops */
    __asm__ volatile("dsb\n isb\n vmsr fpscr, %0" ::"r"(4u << 16) : "memory"); /* LTPSIZE: no tail predication */
#endif
}

#ifdef PORT_FAST_MEMORY
/* Kernels and weights that run and are read from fast memory. */
static void fill_fast_memory(void)
{
    for (uintptr_t entry = (uintptr_t)fast_copies_start; entry < (uintptr_t)fast_copies_end; entry += 12u) {
        const uintptr_t from = WORD(entry), to = WORD(entry + 4u), bytes = WORD(entry + 8u);
        for (uintptr_t offset = 0; offset < bytes; offset += 4u) {
            WORD(to + offset) = WORD(from + offset);
        }
    }
    __asm__ volatile("dsb\n isb" ::: "memory"); /* before any of it is executed */
}
#endif

void Reset_Handler(void)
{
#if __ARM_ARCH >= 8
    __asm__ volatile("msr msplim, %0" ::"r"(stack_limit));
#endif
#if HAS_FAULT_REGISTERS
    SCB_SHCSR |= 7u << 16; /* memory, bus and usage faults have handlers of their own */
#endif
    SCB_VTOR = (uint32_t)(uintptr_t)&vectors; /* a boot loader has its own; ignored by cores that have no such register */
    enable_coprocessors();
#ifdef PORT_FAMILY
    const int not_started = system_start();
#endif
    uintptr_t from = (uintptr_t)data_load;
    for (uintptr_t to = (uintptr_t)data_start; to < (uintptr_t)data_end; to += 4u, from += 4u) {
        WORD(to) = WORD(from);
    }
    for (uintptr_t to = (uintptr_t)bss_start; to < (uintptr_t)bss_end; to += 4u) {
        WORD(to) = 0;
    }
#ifdef PORT_FAST_MEMORY
    fill_fast_memory();
#endif
    uintptr_t stack_pointer;
    __asm__ volatile("mov %0, sp" : "=r"(stack_pointer));
    for (uintptr_t to = (uintptr_t)stack_limit; to < stack_pointer; to += 4u) {
        WORD(to) = STACK_PAINT;
    }
    protect_memory();
#ifdef TINYSEG_UART
    uart_begin();
#endif
#ifdef PORT_FAMILY
    if (not_started != 0 && !PORT_EMULATED) { /* emulators have the processor, and no clocks */
        port_exit(PORT_EXIT_CLOCK);
    }
#endif
    (void)main();
    for (;;) {
    }
}

uint32_t port_stack_bytes(void)
{
    uintptr_t lowest = (uintptr_t)stack_limit;
    while (lowest < (uintptr_t)stack_top && WORD(lowest) == STACK_PAINT) {
        lowest += 4u;
    }
    return (uint32_t)((uintptr_t)stack_top - lowest);
}
