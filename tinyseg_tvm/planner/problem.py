"""The planning problem: operators that run in steps, tensors that are made of lines.

Sizes are bytes, lines and steps are counted from 0, ranges are half-open. A tensor's line exists from
the step that writes it to the last step that reads it. Nothing here names a layer type: the operators
of the network (tinyseg_tvm.operators) state their line accesses, and this is all the planner sees.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

Lines = tuple[int, ...]


class Role(enum.Enum):
    """Where a tensor's lines come from and go to."""

    INTERNAL = "internal"
    RESIDENT_INPUT = (
        "resident input"  # every line is there before the first step; may be overwritten after its last read
    )
    RESIDENT_OUTPUT = "resident output"  # every line stays until after the last step
    STATE = "state"  # every line is there from before the first step to after the last; one step updates it


@dataclass(frozen=True)
class Tensor:
    """A tensor of equal lines.

    Attributes:
        lines: number of lines.
        line_bytes: bytes of one line.
        contiguous: lines lie at consecutive addresses (line ``i`` at ``base + i * line_bytes``): resident
            inputs and outputs, and tensors that a kernel takes whole. Other tensors may have any address per line.
        role: see Role.
        stored: lines are in storage; ``line_bytes`` is what memory keeps of each (nothing, or its stored length). What
            writes such a tensor is a *spill*, what reads it a *fetch* (spilling.py).
        derived_from: name of the tensor that it is a copy or a part of, or what is stored of it; empty for one that no
            decision of the planner made.
        pinned: its readers read it and no copy: it is neither spilled nor computed twice.
    """

    name: str
    lines: int
    line_bytes: int
    contiguous: bool = False
    role: Role = Role.INTERNAL
    stored: bool = False
    derived_from: str = ""
    pinned: bool = False

    @property
    def there_at_start(self) -> bool:
        """Whether its lines are there before the first step."""
        return self.role in (Role.RESIDENT_INPUT, Role.STATE)

    @property
    def stays(self) -> bool:
        """Whether its lines stay until after the last step."""
        return self.role in (Role.RESIDENT_OUTPUT, Role.STATE)


@dataclass(frozen=True)
class Access:
    """The lines of one tensor that an operator touches, per step (ascending; empty where none)."""

    tensor: int
    lines: tuple[Lines, ...]


@dataclass(frozen=True)
class Operator:
    """One operator: its steps run in order, each once.

    Attributes:
        reads, writes: per operand and result. Each line of a tensor is written by one step of one operator.
        state_bytes: kept from the operator's first step to its last (accumulators).
        scratch_bytes: needed during each of its steps only.
        in_place: (read index, write index) pairs: a step may write the line of ``writes[w]`` at the address of the
            line of ``reads[r]`` that it reads, where that line has the same size and is read for the last time.
        cycles: estimated per step.
        flash_bytes: of constants, as the kernel packs them, and of code that is the operator's own.
        macs: multiply-accumulates of all steps together.
        kernel: name of what computes it, for the code generator; empty where nothing was chosen.
        updates: lines of states that a step overwrites with what it read; nobody reads such a line after that step.
    """

    name: str
    steps: int
    reads: tuple[Access, ...]
    writes: tuple[Access, ...]
    state_bytes: int = 0
    scratch_bytes: int = 0
    in_place: tuple[tuple[int, int], ...] = ()
    cycles: int = 0
    macs: int = 0
    flash_bytes: int = 0
    kernel: str = ""
    updates: tuple[Access, ...] = ()


@dataclass(frozen=True)
class Pool:
    """A memory that lines, states and scratch can be placed in. ``bytes`` None: as large as needed.

    Pools are filled in order of preference (fastest first). Resident inputs and outputs lie in the first.
    """

    name: str
    bytes: int | None = None
    alignment: int = 4


@dataclass(frozen=True)
class Problem:
    """Operators in topological order over tensors. Indices are positions in these tuples.

    Line input and output are ordinary operators: a source writes one line per step and reads none, a sink
    reads one line per step and writes none.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    pools: tuple[Pool, ...] = (Pool("arena"),)


def readers_of(problem: Problem, tensor: int) -> tuple[int, ...]:
    """Operators that read a tensor, ascending."""
    return tuple(
        number
        for number, operator in enumerate(problem.operators)
        if any(access.tensor == tensor for access in operator.reads)
    )
