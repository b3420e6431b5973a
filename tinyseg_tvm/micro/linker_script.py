"""What a board's linker script is told: its memories, and how much of the RAM is the stack's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinyseg_tvm.boards import Board
from tinyseg_tvm.boards.static_memory import static_bytes
from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.micro.fast_memory import FastUse
from tinyseg_tvm.micro.library import Library
from tinyseg_tvm.micro.storages import PortStorage

LARGEST_STACK = 8192


def ram_available(board: Board, ram_limit: int | None, fast: Sequence[FastUse] = ()) -> int:
    """Bytes of main RAM that a program may use: the board's own, or what fast memory leaves of a smaller limit."""
    own = board.ram_bytes or 0
    return own if ram_limit is None else min(own, max(ram_limit - sum(use.bytes for use in fast), 0))


def linker_values(
    board: Board,
    library: Library,
    context: int,
    ram_limit: int | None,
    fast: Sequence[FastUse],
    storages: Sequence[PortStorage],
    banks: Sequence[str] = (),
) -> dict[str, Any]:
    """What templates of linker scripts know beside what all templates do.

    Args:
        board: not the host.
        library: the network.
        context: bytes of its context.
        ram_limit: bytes of RAM that the whole program may use.
        fast: what lies in fast memories.
        storages: that the network uses.
        banks: memories that its pools lie in.

    Raises:
        DoesNotFitError: arena and smallest stack are larger than the RAM.
    """
    ram, flash = board.memory("ram"), board.memory("flash")
    assert ram is not None  # checked when the board was loaded
    assert flash is not None
    available = ram_available(board, ram_limit, fast)
    lengths = {memory.name: memory.length for memory in board.memories if memory.kind != "fast"}
    lengths |= {memory.name: memory.length for memory in board.banks if memory.name in banks}
    used = {use.memory.name: use.bytes // 16 * 16 for use in fast if use.memory.name not in banks}
    lengths |= {ram.name: available, **used}
    slow = board.memory("slow")
    return {
        "memories": [
            {"name": m.name, "kind": m.kind, "origin": m.origin, "length": lengths[m.name]}
            for m in board.memories
            if m.name in lengths
        ],
        "fast_sections": [section for use in fast for section in use.sections],
        "ram": ram,
        "flash": flash,
        "weights": (board.memory("weights") or flash).name,
        "slow": slow.name if slow else None,
        "ram_limit": available if available < ram.length else None,
        "stack_bytes": _stack_bytes(board, library, context, available, storages),
    }


def _stack_bytes(board: Board, library: Library, context: int, ram: int, storages: Sequence[PortStorage]) -> int:
    """What the linker reserves for the stack: what the RAM leaves, between the board's minimum and 8 KiB."""
    static = static_bytes(board, context, ()) + sum(storage.static_bytes for storage in storages)
    left = (ram - library.arena_bytes - static) // 64 * 64
    if library.arena_bytes + board.stack_bytes > ram:
        raise DoesNotFitError(
            f"'{library.name}' does not fit the RAM of {board.name}: the arena needs {library.arena_bytes} bytes "
            f"and the stack {board.stack_bytes}, {ram} are there; compile with --ram {ram}, or choose a larger board"
        )
    return max(board.stack_bytes, min(LARGEST_STACK, left))
