"""Who occupies which addresses during which steps: the data behind the memory map.

Addresses are bytes in a pool, times are steps of the schedule, both half-open. A line lives from the step that writes
it to the last step that reads it; resident inputs live from the first step, resident outputs to the last. A line that
is overwritten in place ends where its heir begins, so every byte has one owner at a time.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.step_table import step_table

Ints = npt.NDArray[np.int64]

_BEFORE = -1  # the time at which resident inputs are loaded


class Kind(enum.Enum):
    """What a piece of memory is used for."""

    TENSOR = "tensor"
    STATE = "state"
    SCRATCH = "scratch"


@dataclass(frozen=True, eq=False)
class Owner:
    """A tensor, or an operator's state or scratch, and the rectangles of address x time that it occupies.

    Attributes:
        name: of the tensor or operator.
        pool: pool number.
        addresses: (n, 2) first byte and end of each rectangle; of a tensor one per line, in line order.
        steps: (n, 2) first step and end of each rectangle.
    """

    name: str
    kind: Kind
    pool: int
    addresses: Ints
    steps: Ints

    @property
    def label(self) -> str:
        """The name as shown to a reader."""
        return self.name if self.kind is Kind.TENSOR else f"{self.kind.value} of {self.name}"

    @property
    def byte_steps(self) -> int:
        """Area of its rectangles: bytes times steps."""
        return int(((self.addresses[:, 1] - self.addresses[:, 0]) * (self.steps[:, 1] - self.steps[:, 0])).sum())

    def live(self, steps: int) -> Ints:
        """Bytes it occupies during each of ``steps`` steps."""
        sizes = self.addresses[:, 1] - self.addresses[:, 0]
        change = np.bincount(self.steps[:, 0], sizes, steps + 1) - np.bincount(self.steps[:, 1], sizes, steps + 1)
        return np.cumsum(change[:-1]).astype(np.int64)


@dataclass(frozen=True, eq=False)
class MemoryMap:
    """The memory of an inference over time.

    Attributes:
        problem, plan: what it was made from.
        owners: tensors in the problem's order, then states and scratch; those without bytes are left out.
        live: bytes alive per step, per pool: (pools, steps).
        operator_of_step: per step, the number of the operator that runs.
    """

    problem: Problem
    plan: Plan
    owners: tuple[Owner, ...]
    live: Ints
    operator_of_step: Ints

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.plan.steps)

    @property
    def pool_bytes(self) -> tuple[int, ...]:
        """Bytes of each pool that the plan uses: the highest end address."""
        return self.plan.pool_bytes

    @property
    def live_peak(self) -> tuple[int, ...]:
        """Largest number of bytes alive at once, per pool. No placement of this schedule can use fewer."""
        return tuple(int(row.max(initial=0)) for row in self.live)

    @property
    def peak_step(self) -> int:
        """The first step at which most bytes are alive, all pools together."""
        return int(np.argmax(self.live.sum(axis=0))) if self.steps else 0

    def at(self, step: int) -> list[tuple[Owner, int]]:
        """Owners alive during ``step`` and their bytes then, largest first."""
        found = []
        for owner in self.owners:
            there = (owner.steps[:, 0] <= step) & (step < owner.steps[:, 1])
            if there.any():
                found.append((owner, int((owner.addresses[there, 1] - owner.addresses[there, 0]).sum())))
        return sorted(found, key=lambda pair: (-pair[1], pair[0].label))

    def in_pool(self, pool: int) -> list[Owner]:
        """Owners whose bytes lie in pool number ``pool``."""
        return [owner for owner in self.owners if owner.pool == pool]


def memory_map(problem: Problem, plan: Plan) -> MemoryMap:
    """The memory map of a valid plan."""
    owners = [*_tensors(problem, plan), *_blocks(problem, plan)]
    steps = len(plan.steps)
    live = np.zeros((len(problem.pools), steps), dtype=np.int64)
    for owner in owners:
        live[owner.pool] += owner.live(steps)
    return MemoryMap(problem, plan, tuple(owners), live, np.array(plan.steps, dtype=np.int64))


def _tensors(problem: Problem, plan: Plan) -> Iterator[Owner]:
    table = step_table(problem)
    when = np.argsort(np.asarray(plan.steps, dtype=np.int64), kind="stable")
    begin = np.where(table.writer < 0, _BEFORE, when[table.writer] if table.steps else _BEFORE)
    end = begin + 1
    np.maximum.at(end, table.read_line, when[table.read_step] + 1)
    end[table.resident_output] = table.steps
    offsets = np.array([offset for placement in plan.placements for offset in placement.offsets], dtype=np.int64)
    addresses = np.stack((offsets, offsets + table.line_bytes), axis=1)
    pools = np.array([placement.pool for placement in plan.placements], dtype=np.int64)[table.line_tensor]
    _end_before_heirs(begin, end, addresses, pools)
    for number, tensor in enumerate(problem.tensors):
        lines = slice(int(table.first_line[number]), int(table.first_line[number + 1]))
        if tensor.lines and tensor.line_bytes:
            steps = np.stack((np.maximum(begin[lines], 0), end[lines]), axis=1)
            yield Owner(tensor.name, Kind.TENSOR, plan.placements[number].pool, addresses[lines], steps)


def _end_before_heirs(begin: Ints, end: Ints, addresses: Ints, pools: Ints) -> None:
    """Shorten lines by their last step where a line born in that step takes over their address."""
    last_read_in: dict[int, list[int]] = defaultdict(list)
    for number in np.flatnonzero(end > begin + 1).tolist():
        last_read_in[int(end[number]) - 1].append(number)
    births: list[int] = begin.tolist()
    for heir, birth in enumerate(births):
        for line in last_read_in.get(birth, ()):
            overlaps = addresses[line, 0] < addresses[heir, 1] and addresses[heir, 0] < addresses[line, 1]
            if line != heir and overlaps and pools[line] == pools[heir]:
                end[line] = birth


def _blocks(problem: Problem, plan: Plan) -> Iterator[Owner]:
    order = np.asarray(plan.steps, dtype=np.int64)
    for number, operator in enumerate(problem.operators):
        when = np.flatnonzero(order == number)
        if not len(when):
            continue
        state, scratch = plan.states[number], plan.scratch[number]
        if state is not None and operator.state_bytes:
            addresses = np.array([[state.offset, state.offset + operator.state_bytes]])
            yield Owner(operator.name, Kind.STATE, state.pool, addresses, np.array([[when[0], when[-1] + 1]]))
        if scratch is not None and operator.scratch_bytes:
            runs = np.split(when, np.flatnonzero(np.diff(when) > 1) + 1)
            addresses = np.array([[scratch.offset, scratch.offset + operator.scratch_bytes]] * len(runs))
            steps = np.array([[run[0], run[-1] + 1] for run in runs])
            yield Owner(operator.name, Kind.SCRATCH, scratch.pool, addresses, steps)
