"""Lifetimes of lines under a given order of steps, the bytes alive over time, and the exact lower bound of the arena.

Time is counted in *slots*: slot 0 is before the first step (resident inputs are there), slot ``s + 1`` is step
``s``, and the last slot is after the last step (resident outputs are still there). Lifetimes are half-open ranges
of slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.planner.step_table import Ints, StepTable


@dataclass(frozen=True, eq=False)
class Lifetimes:
    """Lifetimes under one order of steps.

    Attributes:
        birth, end: per global line, slots. The end of a line that is overwritten in place is the birth of its heir.
        heirs: (n, 2) array of (line, line written in place over it).
        whole_heirs: (tensor, tensor written over all of it).
        slots: number of slots (steps + 2).
        slot: per global step, the slot it runs in.
    """

    table: StepTable
    birth: Ints
    end: Ints
    heirs: Ints
    whole_heirs: tuple[tuple[int, int], ...]
    slots: int
    slot: Ints


def lifetimes(table: StepTable, steps: Sequence[int] | npt.NDArray[Any]) -> Lifetimes:
    """Lifetimes when operators run in the order ``steps`` (operator number of each step)."""
    slot = np.argsort(np.asarray(steps, dtype=np.int64), kind="stable") + 1
    slots = table.steps + 2
    birth = np.where(table.writer < 0, 0, slot[table.writer] if table.steps else 0)
    end = birth + 1
    np.maximum.at(end, table.read_line, slot[table.read_step] + 1)
    end[table.resident_output] = slots
    heirs = _heirs(table, slot, end)
    whole = []
    for step, source, result in table.in_place_whole:
        lines = slice(int(table.first_line[source]), int(table.first_line[source + 1]))
        if np.all(end[lines] == slot[step] + 1):
            end[lines] -= 1
            whole.append((source, result))
    end[heirs[:, 0]] -= 1
    return Lifetimes(table, birth, end, heirs, tuple(whole), slots, slot)


def _heirs(table: StepTable, slot: Ints, end: Ints) -> Ints:
    """The in-place writes that this order allows: each line has one heir and inherits once."""
    step, read, _ = table.in_place.T
    pairs: Ints = table.in_place[end[read] == slot[step] + 1][:, 1:]
    for column in (1, 0):
        pairs = pairs[np.sort(np.unique(pairs[:, column], return_index=True)[1])]
    return pairs


def live_profile(life: Lifetimes) -> Ints:
    """Bytes alive per slot: lines, states, scratch. In-place writes take no new bytes."""
    table = life.table
    change = np.bincount(life.birth, table.line_bytes, life.slots + 1)
    change -= np.bincount(life.end, table.line_bytes, life.slots + 1)
    profile = np.cumsum(change[:-1]).astype(np.int64)
    for number, operator in enumerate(table.problem.operators):
        slots = life.slot[int(table.first_step[number]) : int(table.first_step[number + 1])]
        if operator.scratch_bytes:
            profile[slots] += operator.scratch_bytes
        if operator.state_bytes:
            profile[int(slots[0]) : int(slots[-1]) + 1] += operator.state_bytes
    return profile


def live_bound(life: Lifetimes) -> int:
    """The largest number of bytes alive in any slot: no arena can be smaller."""
    return int(live_profile(life).max(initial=0))


def alive(life: Lifetimes, slot: int) -> dict[int, int]:
    """Lines alive in ``slot``: tensor number to number of lines, by tensor."""
    there: npt.NDArray[np.bool_] = (life.birth <= slot) & (slot < life.end)
    tensors, counts = np.unique(life.table.line_tensor[there], return_counts=True)
    return dict(zip(tensors.tolist(), counts.tolist(), strict=True))


@dataclass(frozen=True)
class Peak:
    """The slot with the most live bytes.

    Attributes:
        slot: the first such slot.
        bytes: alive there: no packing of this order of steps is smaller.
        tensors: bytes of each tensor that is alive there, by number.
    """

    slot: int
    bytes: int
    tensors: dict[int, int]


def peak_of(life: Lifetimes) -> Peak:
    """Where most bytes are alive, and whose."""
    profile = live_profile(life)
    slot = int(profile.argmax())
    tensors = life.table.problem.tensors
    alive_there = {number: lines * tensors[number].line_bytes for number, lines in alive(life, slot).items()}
    return Peak(slot, int(profile[slot]), alive_there)
