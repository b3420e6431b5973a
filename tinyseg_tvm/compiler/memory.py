"""The whole program's RAM as the compiler promises it; ``run`` measures the same figures on the firmware."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tinyseg_tvm import codegen
from tinyseg_tvm.boards import Storage, static_memory
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.compiler.storage import SLOW_STORAGES
from tinyseg_tvm.network import Network
from tinyseg_tvm.planner.problem import Problem


def static_bytes(situation: Situation, problem: Problem, network: Network | None = None) -> int:
    """.data and .bss of the firmware outside the arena: startup, test harness, storages, and the network's context.

    ``network``: with its spills, where it has any.
    """
    regions = codegen.storage_regions(network) if network else ()
    storages = {storage.name: storage for storage in situation.storages}
    used = [(storages[region.name], region.bytes) for region in regions]
    return static_memory.static_bytes(situation.board, codegen.context_bytes(problem, regions), used)


def slow_bytes(storages: Sequence[Storage], network: Network) -> int:
    """Bytes of writable slow memory that storages take."""
    slow = {storage.name for storage in storages if storage.kind in SLOW_STORAGES}
    return sum(region.bytes for region in codegen.storage_regions(network) if region.name in slow)


def overhead_bytes(situation: Situation, problem: Problem, network: Network | None = None) -> int:
    """What the whole program needs beside the arena: static data and stack."""
    return static_bytes(situation, problem, network) + situation.board.stack_bytes


@dataclass(frozen=True)
class Memory:
    """Promised whole-program RAM in bytes; ``run`` measures the same figures on the firmware.

    Attributes:
        total: the sum of the others.
        arena: lines, states and scratch; resident inputs and outputs included.
        io: input and output buffers outside the arena.
        static: .data and .bss outside the arena (context, runtime, test harness), and copies in fast memory.
        stack: high-water mark of the stack.
        slow: storages in writable slow memory.
        banks: lines, states and scratch in the board's further memories, by their names.
    """

    total: int
    arena: int
    io: int
    static: int
    stack: int
    slow: int
    banks: Mapping[str, int] = field(default_factory=dict)


def promised_memory(planned: Planned, situation: Situation, fast: int = 0) -> Memory:
    """RAM of the firmware that a plan becomes; ``fast``: bytes of copies in fast memory."""
    arena, stack = planned.plan.pool_bytes[0], situation.board.stack_bytes
    further = zip(planned.problem.pools[1:], planned.plan.pool_bytes[1:], strict=True)
    banks = {pool.name: size for pool, size in further if size}
    static = static_bytes(situation, planned.problem, planned.network) + fast
    slow = slow_bytes(situation.storages, planned.network)
    total = arena + static + stack + slow + sum(banks.values())
    return Memory(total, arena=arena, io=0, static=static, stack=stack, slow=slow, banks=banks)
