"""The arena that TensorFlow Lite Micro's planner would need: a yardstick for our own plans.

TFLM runs a network operator by operator; a tensor occupies one block from its producer to its last consumer.
``GreedyMemoryPlanner`` (tensorflow/lite/micro/memory_planner/greedy_memory_planner.cc) takes the blocks by falling
size and puts each into the first gap among the blocks that live at the same time. Sizes are rounded up to 16 bytes
(``MicroArenaBufferAlignment``). Kernels ask for scratch in the same arena: it lives during its own operator only, and
depends on the kernels used. The figure is TFLM's *head*: its tail (structs for tensors and operators, pointers) comes
on top and depends on the machine.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ALIGNMENT = 16


@dataclass(frozen=True)
class Buffer:
    """A block of ``size`` bytes, alive from operator number ``first`` to operator number ``last``, both included.

    A model's inputs have ``first`` 0, its outputs the number of the last operator as ``last``.
    """

    name: str
    size: int
    first: int
    last: int


def greedy_offsets(buffers: Sequence[Buffer]) -> list[int]:
    """The address of each buffer, as TFLM's greedy planner places it."""
    sizes = [_aligned(buffer.size) for buffer in buffers]
    placed: list[tuple[int, int]] = []  # (offset, number), by offset
    for number in sorted(range(len(buffers)), key=lambda index: -sizes[index]):
        wanted, offset = buffers[number], 0
        for start, other in placed:
            if buffers[other].first > wanted.last or buffers[other].last < wanted.first:
                continue
            if start - offset >= sizes[number]:
                break
            offset = max(offset, start + sizes[other])
        bisect.insort(placed, (offset, number), key=lambda entry: entry[0])
    offsets = [0] * len(buffers)
    for offset, number in placed:
        offsets[number] = offset
    return offsets


def greedy_arena(buffers: Sequence[Buffer], scratch: Iterable[Buffer] = ()) -> int:
    """Bytes of the arena's head for tensors and kernel scratch: the highest end of a block."""
    blocks = [*buffers, *scratch]
    ends = (
        offset + -(-block.size // ALIGNMENT) * ALIGNMENT
        for offset, block in zip(greedy_offsets(blocks), blocks, strict=True)
    )
    return max(ends, default=0)


def live_sum(buffers: Iterable[Buffer]) -> int:
    """The largest sum of sizes alive during one operator: no placement of whole tensors can need less."""
    change: dict[int, int] = {}
    for buffer in buffers:
        change[buffer.first] = change.get(buffer.first, 0) + buffer.size
        change[buffer.last + 1] = change.get(buffer.last + 1, 0) - buffer.size
    peak = total = 0
    for _, delta in sorted(change.items()):
        total += delta
        peak = max(peak, total)
    return peak


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
