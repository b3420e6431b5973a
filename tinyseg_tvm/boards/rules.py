"""What the keys of board and storage descriptions may be: all of it ends up in C, Makefiles and linker scripts."""

from __future__ import annotations

from collections.abc import Mapping

from tinyseg_tvm.given import Integer, Listed, Number, Rule, Text

LARGEST = (1 << 32) - 1
WORD = Text(4096)
IDENTIFIER = Text(64, "[A-Za-z][A-Za-z0-9_]*", "letters, digits and '_', a letter first")
STORAGE_NAME = Text(48, "[A-Za-z][A-Za-z0-9_-]*", "letters, digits, '_' and '-', a letter first")
MOST_PARTS = 64  # memories, storages
ALIGNMENTS = {
    "flash": 256,
    "ram": 32,
}  # of origins: the vectors lie at that of the flash, the stack's guard at the RAM's
INTERRUPTS = 32  # of the vector table of micro/port/cortex_m/startup.c

BOARD: Mapping[str, Rule] = {
    "description": Text(200),
    "clock_hz": Integer(1, 10**11),
    "static_bytes": Integer(),
    "stack_bytes": Integer(),
    "flash_command": Listed(WORD, 64),
    "run_command": Listed(WORD, 64),
    "cycles": Text(16),
    "family": Text(32),
    "flash_wait_states": Integer(0, 15),
    "active_milliwatts": Number(0, 1e6),
    "sleep_milliwatts": Number(0, 1e6),
}
MEMORY: Mapping[str, Rule] = {
    "name": Text(32, "[A-Z][A-Z0-9_]*", "capital letters, digits and '_', a letter first (it names a linker region)"),
    "kind": Text(32),
    "origin": Integer(),
    "length": Integer(1, 1 << 32),
    "holds": Listed(Text(32), 3),
    "default_bytes": Integer(),
    "wait_states": Integer(0, 255),
    "read_bytes": Integer(1, 64),
}
MOST_WAYS, MOST_FILLS = 64, 64  # of a cache, and of its line: micro/port/qemu/memory_timing.c
CACHE: Mapping[str, Rule] = {
    "memories": Listed(Text(32), MOST_PARTS),
    "holds": Listed(Text(32), 2),
    "length": Integer(1, 1 << 24),
    "line_bytes": Integer(1, 1 << 12),
    "ways": Integer(1, MOST_WAYS),
    "fill_bytes": Integer(0, 1 << 12),
}
QEMU: Mapping[str, Rule] = {
    "machine": Text(64, "[A-Za-z0-9][A-Za-z0-9._-]*", "letters, digits, '.', '_' and '-'"),
    "systick_hz": Integer(1, 2 * 10**9),
    "arguments": Listed(WORD, 64),
}
DEBUG: Mapping[str, Rule] = {
    "server": Listed(WORD, 64),
    "connect": Text(200, r"([^\s/]*:[0-9]{1,5})?", "HOST:PORT"),
    "reset": Text(200),
}
UART: Mapping[str, Rule] = {
    "driver": Text(48, "[a-z][a-z0-9_]*", "small letters, digits and '_' (the name of a driver's file, no path)"),
    "address": Integer(4),
    "baud": Integer(300, 12_000_000),
    "device": Text(200),
    "clock_hz": Integer(0, 4 * 10**9),
}
REGISTER: Mapping[str, Rule] = {"address": Integer(), "set": Integer(), "clear": Integer()}
STORAGE: Mapping[str, Rule] = {
    "name": STORAGE_NAME,
    "kind": Text(32),
    "capacity": Integer(1),
    "block_bytes": Integer(1, 1 << 20),
    "read_bytes_per_second": Integer(1, 10**12),
    "write_bytes_per_second": Integer(1, 10**12),
    "latency_microseconds": Number(0, 1e7),
    "erase_block_bytes": Integer(0, 1 << 30),
    "erase_microseconds": Number(0, 1e9),
    "endurance_cycles": Integer(0, 10**15),
    "read_nanojoules_per_byte": Number(0, 1e9),
    "write_nanojoules_per_byte": Number(0, 1e9),
    "bus": Text(48, "([a-z][a-z0-9_]*)?", "small letters, digits and '_' (the name of a driver's files, no path)"),
    "address": Integer(),
    "interrupt": Integer(-1, INTERRUPTS - 1),
    "first_block": Integer(),
    "page_bytes": Integer(0, 1 << 20),
}
_LINKER_WORDS = """ABSOLUTE ADDR ALIGN ALIGNOF ALIGN_WITH_INPUT ASCIZ ASSERT AS_NEEDED AT BIND BLOCK BYTE COMMON
COMMONPAGESIZE
CONSTANT CONSTRUCTORS COPY CREATE_OBJECT_SYMBOLS DATA_SEGMENT_ALIGN DATA_SEGMENT_END DATA_SEGMENT_RELRO_END DEFINED
DISCARD DSECT ENTRY EXCLUDE_FILE EXTERN FILL FLOAT FORCE_COMMON_ALLOCATION FORCE_GROUP_ALLOCATION GROUP HIDDEN HLL
INCLUDE INFO INHIBIT_COMMON_ALLOCATION INPUT INPUT_SECTION_FLAGS KEEP LD_FEATURE LENGTH LINKER_VERSION LOADADDR
LOG2CEIL LONG MAP MAX MAXPAGESIZE MEMORY MIN NEXT NOCROSSREFS NOCROSSREFS_TO NOFLOAT NOLOAD ONLY_IF_RO ONLY_IF_RW
OPTION ORIGIN OUTPUT OUTPUT_ARCH OUTPUT_FORMAT OVERLAY PHDRS PROVIDE PROVIDE_HIDDEN QUAD READONLY REGION_ALIAS
REVERSE SEARCH_DIR SECTIONS SEGMENT_START SHORT SIZEOF SIZEOF_HEADERS SORT SORT_BY_ALIGNMENT SORT_BY_INIT_PRIORITY
SORT_BY_NAME SORT_NONE SPECIAL SQUAD STACK_BYTES STARTUP SUBALIGN SYSLIB TARGET TRUNCATE TYPE VERSION"""
LINKER_WORDS = frozenset(_LINKER_WORDS.split())
"""Words that mean something in a linker script: GNU ld's keywords and functions, and the script's own symbols."""
