"""What the emulator's plugin is told of a board's memories and caches (port/qemu/memory_timing.h)."""

from __future__ import annotations

from tinyseg_tvm.boards import Board


def timing_options(board: Board) -> list[str]:
    """The plugin's arguments; none where nothing of a board waits."""
    memories = []
    for memory in board.memories:
        wait_states = board.wait_states(memory)
        if wait_states:
            caches = [_cache_of(board, memory.name, content) for content in ("code", "data")]
            values = (wait_states, memory.read_bytes, int(memory.prefetch), *caches)
            memories.append(f"memory={memory.origin:x}-{memory.end:x}:{':'.join(map(str, values))}")
    if not memories:
        return []
    sizes = [(c.length, c.line_bytes, c.ways, c.fill_bytes or c.line_bytes) for c in board.caches]
    return [*(f"cache={':'.join(map(str, values))}" for values in sizes), *memories]


def _cache_of(board: Board, memory: str, content: str) -> int:
    """The number of the cache that holds code or data of a memory; -1: none."""
    numbers = (i for i, cache in enumerate(board.caches) if content in cache.holds and memory in cache.memories)
    return next(numbers, -1)
