/* QEMU's side of the plugin interface, for memory_timing.c alone: blocks run and accesses happen as a test says. */
#include <stdlib.h>

#include "memory_timing.h"

struct qemu_plugin_insn {
    uint64_t address;
};

struct qemu_plugin_tb {
    size_t count;
    struct qemu_plugin_insn instructions[1024];
};

static vcpu_callback on_block;
static memory_callback on_access;
static void *block_data, *access_data;
static uint64_t executed;

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block)
{
    return block->count;
}

struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index)
{
    return (struct qemu_plugin_insn *)&block->instructions[index];
}

uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction)
{
    return instruction->address;
}

size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *instruction)
{
    (void)instruction;
    return 4;
}

void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, vcpu_callback callback, int flags, void *data)
{
    (void)block;
    (void)flags;
    on_block = callback;
    block_data = data;
}

void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *instruction, memory_callback callback, int flags, int kind,
                                      void *data)
{
    (void)instruction;
    (void)flags;
    (void)kind;
    on_access = callback;
    access_data = data;
}

bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info)
{
    return info != 0;
}

static bool always(void)
{
    return true;
}

/* `count` instructions of four bytes each run. */
void run(uint64_t address, size_t count)
{
    struct qemu_plugin_tb block = { .count = count };
    for (size_t i = 0; i < count; i++) {
        block.instructions[i].address = address + 4 * i;
    }
    memory_timing_watch(&block, always, &executed);
    on_block(0, block_data);
    executed += count;
}

void load(uint64_t address)
{
    on_access(0, 0, address, access_data);
}

void store(uint64_t address)
{
    on_access(0, 1, address, access_data);
}
