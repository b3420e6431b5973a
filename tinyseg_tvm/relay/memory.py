"""The whole program's RAM as the compiler promises it; ``run`` measures the same figures on the firmware."""

from __future__ import annotations

from dataclasses import dataclass

from tinyseg_tvm.boards import Board
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem

CONTEXT_BYTES = 20
CONTEXT_BYTES_PER_OPERATOR = 2


def static_bytes(board: Board, problem: Problem) -> int:
    """.data and .bss of the firmware outside the arena: startup, test harness, and the network's context."""
    return board.static_bytes + CONTEXT_BYTES + CONTEXT_BYTES_PER_OPERATOR * len(problem.operators)


def overhead_bytes(board: Board, problem: Problem) -> int:
    """What the whole program needs beside the arena: static data and stack."""
    return static_bytes(board, problem) + board.stack_bytes


@dataclass(frozen=True)
class Memory:
    """Promised whole-program RAM in bytes; ``run`` measures the same figures on the firmware.

    Attributes:
        total: the sum of the others.
        arena: lines, states and scratch; resident inputs and outputs included.
        io: input and output buffers outside the arena.
        static: .data and .bss outside the arena (context, runtime, test harness).
        stack: high-water mark of the stack.
        slow: writable slow memory.
    """

    total: int
    arena: int
    io: int
    static: int
    stack: int
    slow: int


def promised_memory(board: Board, problem: Problem, plan: Plan) -> Memory:
    """RAM of the firmware that a plan becomes."""
    arena, static = sum(plan.pool_bytes), static_bytes(board, problem)
    return Memory(arena + static + board.stack_bytes, arena=arena, io=0, static=static, stack=board.stack_bytes, slow=0)
