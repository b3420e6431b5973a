"""A board that no emulator knows, as QEMU can run its programs: its core, sizes and timing at another one's addresses.

Programs are those of the board, but for addresses and start-up. Instructions are the same; cycles are estimated by the
board's own wait states and caches.
"""

from __future__ import annotations

from collections import Counter

from tinyseg_tvm.boards.board import Board, Cache, Memory
from tinyseg_tvm.errors import UsageError

AS_EMULATED = "@qemu"
"""Behind a board's name or file."""

_EMULATING = {
    "armv6-m": "mps2_an385",  # a Cortex-M3 runs all of Armv6-M
    "armv7-m": "mps2_an385",
    "armv7e-m": "mps2_an386",
    "armv8-m.main": "mps2_an505",
    "armv8.1-m.main": "mps3_an547",
}
_KEPT = (
    "clock_hz",
    "flash_wait_states",
    "static_bytes",
    "stack_bytes",
    "active_milliwatts",
    "sleep_milliwatts",
)
_DOUBLE = "mps2_an500"  # has a unit of double precision


def emulating_board(board: Board) -> str:
    """The name of the emulated board whose machine runs a board's programs.

    Raises:
        UsageError: there is none.
    """
    if board.core.architecture == "armv7e-m" and board.core.fpu == "double":
        return _DOUBLE
    name = _EMULATING.get(board.core.architecture)
    if name is None:
        raise UsageError(f"board '{board.name}{AS_EMULATED}': nothing emulates a {board.core.name}")
    return name


def emulated_text(board: Board, emulating: Board) -> str:
    """The board's description at the addresses of an emulated one. Fast memories, storages and probes are left out.

    Args:
        board: whose programs are to run.
        emulating: whose machine runs them.

    Raises:
        UsageError: the machine has no memory of a kind, or one that is too small.
    """
    assert emulating.qemu is not None
    arguments = ", ".join(_quoted(word) for word in emulating.qemu.arguments)
    lines = [
        f"description = {_quoted(f'{board.description}, emulated by {emulating.qemu.machine}'[:200])}",
        f"core = {_quoted(board.core.name)}",
        *(f"{key} = {getattr(board, key)}" for key in _KEPT),
        f"qemu = {{ machine = {_quoted(emulating.qemu.machine)}, systick_hz = {emulating.qemu.systick_hz}, "
        f"arguments = [{arguments}] }}",
    ]
    memories = [memory for memory in board.memories if memory.kind != "fast"]
    taken: Counter[str] = Counter()  # bytes of the emulated memories, of which several of the board's may take parts
    for memory in memories:
        lines += ["", "[[memories]]", *_memory(memory, emulating, board.name, taken[memory.kind])]
        taken[memory.kind] += memory.length
    names = {memory.name for memory in memories}
    for cache in board.caches:
        behind = [name for name in cache.memories if name in names]
        if behind:
            lines += ["", "[[caches]]", *_cache(cache, behind)]
    return "\n".join(lines) + "\n"


def _memory(memory: Memory, emulating: Board, board: str, taken: int) -> list[str]:
    place = emulating.memory(memory.kind)
    if place is None or place.length < taken + memory.length:
        raise UsageError(
            f"board '{board}{AS_EMULATED}': the emulated {emulating.name} has no memory for the {memory.length:,} B "
            f"of {memory.name}"
        )
    values = {key: getattr(memory, key) for key in ("length", "wait_states", "read_bytes")}
    return [
        f"name = {_quoted(memory.name)}",
        f"kind = {_quoted(memory.kind)}",
        f"origin = {place.origin + taken}",
        *(f"{key} = {value}" for key, value in values.items()),
        f"prefetch = {'true' if memory.prefetch else 'false'}",
    ]


def _cache(cache: Cache, behind: list[str]) -> list[str]:
    return [
        f"memories = [{', '.join(map(_quoted, behind))}]",
        f"holds = [{', '.join(map(_quoted, cache.holds))}]",
        *(f"{key} = {getattr(cache, key)}" for key in ("length", "line_bytes", "ways", "fill_bytes")),
    ]


def _quoted(text: str) -> str:
    """A string of TOML; descriptions hold printable characters of one line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
