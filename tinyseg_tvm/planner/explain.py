"""Why a plan needs what it needs: the peak and who is alive there, and the ladder of budgets that fit.

Data for reports; nothing here prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.planner.liveness import Lifetimes, lifetimes, live_profile
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.step_table import step_table

KIB = 1024


@dataclass(frozen=True)
class Occupant:
    """Something alive at the peak.

    Attributes:
        kind: "tensor", "state" or "scratch".
        name: of the tensor, or of the operator that the buffer belongs to.
        lines: lines alive (1 for state and scratch).
        bytes: bytes alive.
        longest_wait: steps from the write (or the start) to the last read of its longest-lived line, among those
        alive.
    """

    kind: str
    name: str
    lines: int
    bytes: int
    longest_wait: int


@dataclass(frozen=True)
class Peak:
    """The slot with the most live bytes.

    Attributes:
        step: position in the plan's steps; -1 before the first, ``len(steps)`` after the last.
        operator: name of the operator that runs there; "" before the first and after the last step.
        operator_step: that operator's own step number.
        live_bytes: bytes alive: no packing of this schedule is smaller.
        occupants: what is alive, largest first.
    """

    step: int
    operator: str
    operator_step: int
    live_bytes: int
    occupants: tuple[Occupant, ...]


@dataclass(frozen=True)
class Rung:
    """One budget of the ladder.

    Attributes:
        budget: bytes.
        fits: whether a plan fits.
        plan: index of the first plan that fits (in the order given), or None.
        missing: bytes that the smallest plan exceeds the budget by; 0 where one fits.
    """

    budget: int
    fits: bool
    plan: int | None
    missing: int


@dataclass(frozen=True)
class Explanation:
    """What a report says about a plan.

    Attributes:
        arena_bytes: bytes used of the first pool.
        peak: of live bytes.
        fragmentation: arena bytes that no live byte of the peak accounts for.
        smallest_budget: bytes that the plan needs; it fits at this budget and not at one byte less.
        blockers: names of the tensors that hold the peak up, largest first: those that make up half of it.
    """

    arena_bytes: int
    peak: Peak
    fragmentation: int
    smallest_budget: int
    blockers: tuple[str, ...]


def explain(problem: Problem, plan: Plan) -> Explanation:
    """Explain the memory of ``plan``."""
    peak = peak_of(problem, plan.steps)
    blockers = []
    covered = 0
    for occupant in peak.occupants:
        if covered * 2 >= peak.live_bytes:
            break
        covered += occupant.bytes
        if occupant.kind == "tensor":
            blockers.append(occupant.name)
    arena = plan.pool_bytes[0]
    return Explanation(arena, peak, sum(plan.pool_bytes) - peak.live_bytes, arena, tuple(blockers))


def peak_of(problem: Problem, steps: Sequence[int]) -> Peak:
    """The peak of live bytes of a schedule."""
    life = lifetimes(step_table(problem), steps)
    profile = live_profile(life)
    slot = int(profile.argmax())
    step = slot - 1
    operator, own_step = "", 0
    if 0 <= step < len(steps):
        operator = problem.operators[steps[step]].name
        own_step = list(steps[:step]).count(steps[step])
    occupants = sorted(_occupants(problem, life, slot), key=lambda occupant: (-occupant.bytes, occupant.name))
    return Peak(step, operator, own_step, int(profile[slot]), tuple(occupants))


def _occupants(problem: Problem, life: Lifetimes, slot: int) -> list[Occupant]:
    table = life.table
    there = np.flatnonzero((life.birth <= slot) & (slot < life.end))
    found = []
    for number in np.unique(table.line_tensor[there]).tolist():
        lines = there[table.line_tensor[there] == number]
        wait = int((life.end[lines] - life.birth[lines]).max()) - 1
        tensor = problem.tensors[number]
        found.append(Occupant("tensor", tensor.name, len(lines), len(lines) * tensor.line_bytes, wait))
    for number, operator in enumerate(problem.operators):
        slots = life.slot[int(table.first_step[number]) : int(table.first_step[number + 1])]
        if operator.state_bytes and slots[0] <= slot <= slots[-1]:
            found.append(Occupant("state", operator.name, 1, operator.state_bytes, int(slots[-1] - slots[0])))
        if operator.scratch_bytes and slot in slots:
            found.append(Occupant("scratch", operator.name, 1, operator.scratch_bytes, 0))
    return found


def ladder(plans: Sequence[Plan], budgets: Sequence[int] = ()) -> tuple[Rung, ...]:
    """Which budgets fit.

    Args:
        plans: in order of preference, fastest first.
        budgets: bytes; by default the usual SRAM sizes (powers of two and 1.5 times those) around what the plans
        need.
    """
    needs = [sum(plan.pool_bytes) for plan in plans]
    chosen = sorted(set(budgets)) or usual_sizes(min(needs), max(needs))
    rungs = []
    for budget in chosen:
        first = next((number for number, need in enumerate(needs) if need <= budget), None)
        rungs.append(Rung(budget, first is not None, first, 0 if first is not None else min(needs) - budget))
    return tuple(rungs)


def usual_sizes(smallest: int, largest: int) -> list[int]:
    """Memory sizes from the last that does not fit the smallest need to the first that fits the largest."""
    sizes = sorted(size for power in range(24) for size in (KIB << power, KIB * 3 << power >> 1))
    below = [size for size in sizes if size < smallest]
    above = [size for size in sizes if size >= smallest]
    last = next(number for number, size in enumerate(above) if size >= largest)
    return below[-1:] + above[: last + 1]
