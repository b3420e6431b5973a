"""Programs on bare machines: placed by a linker script like that of port/cortex_m, which tells what is where.

``stack_limit``, ``stack_top`` and ``ram_end`` are its symbols; ``.stack``, ``.weights`` and ``.slow`` its sections.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tinyseg_tvm.micro.elf import BANK, Image
from tinyseg_tvm.micro.results import Flash


def static_bytes(image: Image) -> int:
    """Writable bytes outside arena, stack and slow memory, with gaps for alignment and copies in fast memory."""
    start, ram_end = image.address("stack_limit"), image.address("ram_end")
    in_ram = [
        s
        for s in image.sections
        if s.bytes and start <= s.address < ram_end and s.name != ".slow" and not s.name.startswith(BANK)
    ]
    end = max(s.address + s.bytes for s in in_ram if s.writable)
    slow_in_ram = 0 if image.section_bytes(".slow") else image.slow_bytes
    return end - start - image.section_bytes(".stack") - image.arena_bytes - slow_in_ram + image.fast.total


def flash(image: Image) -> Flash:
    """What is written to flash, copies in fast memory included."""
    weights = image.section_bytes(".weights") + image.fast.weights
    return Flash(image.loaded_bytes - weights, weights)


def writable_by_network(image: Image, registers: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Address ranges that the network may write: arena and further pools, stack, its context.

    Args:
        image: the program.
        registers: address ranges of peripherals, which drivers of storages may write.
    """
    own = [
        s
        for s in image.symbols
        if not s.function and re.fullmatch(r"arena|context|pool\d+|storage\d+\w*|simulated_\w+", s.name)
    ]
    variables = [(symbol.address, symbol.address + symbol.bytes) for symbol in own]
    reached = list(registers) if image.symbol("storage0") else []
    return [(image.address("stack_limit"), image.address("stack_top")), *variables, *reached]
