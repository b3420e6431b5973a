"""What each tensor's memory is for: a window that slides along, a delay line, or a whole map at a cut.

A *window* is what the first reader needs at once. A *delay line* is what a second reader that comes later (a skip
connection) makes wait longer than that. A tensor of which all lines are alive at once is kept *whole*: a cut between
cascades, or a port that is resident.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.planner.problem import Role
from tinyseg_tvm.planner.step_table import step_table
from tinyseg_tvm.report.memory import Ints, Kind, MemoryMap, Owner


class Held(enum.Enum):
    """Why lines of a tensor stay."""

    WINDOW = "window"
    DELAY_LINE = "delay line"
    WHOLE = "whole"
    PORT = "resident port"


@dataclass(frozen=True)
class Holding:
    """A tensor's memory.

    Attributes:
        tensor: its name.
        held: why its lines stay.
        lines: most lines alive at once.
        of: lines of the tensor.
        bytes: most bytes alive at once.
        at_peak: bytes alive at the step at which most bytes of all are alive.
        saving: bytes by which that peak would sink if this tensor took none: what it costs.
        readers: operators that read it.
    """

    tensor: str
    held: Held
    lines: int
    of: int
    bytes: int
    at_peak: int
    saving: int
    readers: tuple[str, ...]


def holdings(memory: MemoryMap) -> list[Holding]:
    """One per tensor, those that cost most first."""
    problem, total = memory.problem, memory.live.sum(axis=0)
    table = step_table(problem)
    when = np.argsort(memory.operator_of_step, kind="stable")
    owners = {owner.name: owner for owner in memory.owners if owner.kind is Kind.TENSOR}
    reader_of_step = np.repeat(np.arange(len(problem.operators)), np.diff(table.first_step))
    found = []
    for number, tensor in enumerate(problem.tensors):
        owner = owners.get(tensor.name)
        if owner is None:
            continue
        live = owner.live(memory.steps)
        lines = _most_alive(owner.steps, memory.steps)
        readers = [o.name for o in problem.operators if any(access.tensor == number for access in o.reads)]
        first_line = int(table.first_line[number])
        reads = (table.read_line >= first_line) & (table.read_line < first_line + tensor.lines)
        who, line = reader_of_step[table.read_step[reads]], table.read_line[reads] - first_line
        soonest = _without_late_readers(owner, who, line, when[table.read_step[reads]])
        if tensor.role is not Role.INTERNAL:
            held = Held.PORT
        elif lines == tensor.lines > 1:
            held = Held.WHOLE
        else:
            held = Held.DELAY_LINE if lines > _most_alive(soonest, memory.steps) else Held.WINDOW
        at_peak = int(live[memory.peak_step]) if memory.steps else 0
        saving = int(total.max(initial=0) - (total - live).max(initial=0))
        found.append(
            Holding(tensor.name, held, lines, tensor.lines, int(live.max(initial=0)), at_peak, saving, tuple(readers))
        )
    return sorted(found, key=lambda holding: (-holding.saving, -holding.bytes, holding.tensor))


def _without_late_readers(owner: Owner, who: Ints, line: Ints, step: Ints) -> Ints:
    """The lines' lives if only the reader that is done first with each line existed."""
    ends: dict[int, Ints] = {}
    for reader in np.unique(who).tolist():
        end = np.full(len(owner.steps), -1, dtype=np.int64)
        np.maximum.at(end, line[who == reader], step[who == reader] + 1)
        ends[reader] = end
    if len(ends) < 2:
        return owner.steps
    known = np.stack(list(ends.values()))
    first = np.where(known < 0, np.iinfo(np.int64).max, known).min(axis=0)
    return np.stack((owner.steps[:, 0], np.minimum(owner.steps[:, 1], first)), axis=1)


def _most_alive(lives: Ints, steps: int) -> int:
    change = np.bincount(lives[:, 0], minlength=steps + 1) - np.bincount(lives[:, 1], minlength=steps + 1)
    return int(np.cumsum(change[:-1]).max(initial=0))
