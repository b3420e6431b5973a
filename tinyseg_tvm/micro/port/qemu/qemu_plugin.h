/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin uses of QEMU's interface ("QEMU TCG Plugins" in the QEMU manual).
 *
 * Distributions ship QEMU without its plugin header, so it is declared here. Versions 1 (QEMU 4.2 to 8.2) and 2 and up
 * (QEMU 9.0) differ in how a counter is incremented without a call: QEMU_PLUGIN_API selects. */
#ifndef QEMU_PLUGIN_H
#define QEMU_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef QEMU_PLUGIN_API
#define QEMU_PLUGIN_API 1
#endif

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
typedef struct qemu_info_t qemu_info_t; /* not looked into: its layout differs between versions */
struct qemu_plugin_tb;
struct qemu_plugin_insn;

typedef void (*vcpu_callback)(unsigned int cpu, void *data);
typedef void (*memory_callback)(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t address, void *data);

enum { CALLBACK_NO_REGISTERS = 0 };
enum { MEMORY_WRITE = 2, MEMORY_ANY = 3 };
enum { INLINE_ADD_U64 = 0 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                                  void (*callback)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, void *), void *data);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, vcpu_callback callback, int flags,
                                                 void *data);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction, vcpu_callback callback,
                                                   int flags, void *data);
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *instruction, memory_callback callback, int flags,
                                             int kind, void *data);
extern bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info);
extern unsigned int qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *instruction);
#if QEMU_PLUGIN_API == 1
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *instruction, int operation,
                                                       void *counter, uint64_t increment);
#endif

#endif
