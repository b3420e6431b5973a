"""How many records are staged: as many as the storage is slow, in memory that the plan leaves free.

Plans are made with one record on its way out and one asked for ahead. Where transfers are waited for (as a replay with
the storage's times shows), deeper rings let the processor run on and further requests let the storage work ahead. A
ring is moved to where nothing lies from its operator's first step to the last; everything else stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyseg_tvm.planner.gaps import first_fit, gaps, slots_of
from tinyseg_tvm.planner.liveness import Lifetimes, lifetimes
from tinyseg_tvm.planner.plan import Block, Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.spilling import SpillDecision, Transfer, fetched_name, restaged, stored_name
from tinyseg_tvm.planner.step_table import step_table
from tinyseg_tvm.planner.storage_model import StorageModel
from tinyseg_tvm.planner.storage_timing import replay

MOST_RECORDS = 16  # staged by one operator
LEAST_GAIN = 0.01  # of the transfers' time: what waiting must sink by
MOST_ROUNDS = 24

Fits = Callable[[Problem, Plan, tuple[SpillDecision, ...]], bool]
"""Whether a plan with these decisions keeps all limits of memory."""
Deeper = Callable[[SpillDecision, int, int], Transfer]
"""The transfer of a decision with another ring and distance."""


@dataclass(frozen=True)
class Staged:
    """A plan, what it is a plan of, and seconds that it waits for transfers."""

    problem: Problem
    plan: Plan
    decisions: tuple[SpillDecision, ...]
    waiting: float


def stage(
    problem: Problem,
    plan: Plan,
    decisions: Sequence[SpillDecision],
    storages: Mapping[str, StorageModel],
    clock_hz: float,
    deeper: Deeper,
    growth: int = 0,
    fits: Fits | None = None,
) -> Staged:
    """The plan with the least waiting that deeper rings reach, one after the other; the schedule stays.

    Args:
        problem: with the spills and fetches of ``decisions``.
        plan: of it.
        decisions: what is spilled.
        storages: by name.
        clock_hz: of the processor.
        deeper: makes transfers.
        growth: bytes by which the arena may grow.
        fits: asked beside that: requests that wait take memory outside the arena, too.
    """
    limit = sum(plan.pool_bytes) + growth
    timing = replay(problem, plan, decisions, storages, clock_hz)
    best = Staged(problem, plan, tuple(decisions), timing.waiting)
    for _ in range(MOST_ROUNDS):
        if best.waiting < LEAST_GAIN * timing.transferring:
            break
        life = lifetimes(step_table(best.problem), plan.steps)
        tried = [
            (replay(changed, plan, chosen, storages, clock_hz).waiting, number, chosen, changed)
            for number, chosen, changed in _candidates(best, deeper)
        ]
        tried = [entry for entry in tried if entry[0] < best.waiting - LEAST_GAIN * timing.transferring]
        for waiting, number, chosen, changed in sorted(tried, key=lambda entry: entry[:2]):
            moved = _moved(best, changed, chosen[number], life, limit)
            if moved is not None and (fits is None or fits(changed, moved, chosen)):
                best = Staged(changed, moved, chosen, waiting)
                break
        else:
            break
    return best


def _candidates(state: Staged, deeper: Deeper) -> Iterator[tuple[int, tuple[SpillDecision, ...], Problem]]:
    """One decision with a deeper ring, a longer distance or both: its number, all decisions, the problem."""
    for number, decision in enumerate(state.decisions):
        way = decision.transfer
        rings = {way.ring, min(2 * way.ring, MOST_RECORDS)}
        distances = {way.ahead, min(max(2 * way.ahead, 1), MOST_RECORDS)}
        for ring in sorted(rings):
            for ahead in sorted(distances):
                transfer = deeper(decision, ring, ahead)
                if transfer.spill_bytes + transfer.fetch_bytes > way.spill_bytes + way.fetch_bytes:
                    chosen = replace(decision, transfer=transfer)
                    others = (*state.decisions[:number], chosen, *state.decisions[number + 1 :])
                    yield number, others, restaged(state.problem, chosen)


def _moved(state: Staged, problem: Problem, decision: SpillDecision, life: Lifetimes, limit: int) -> Plan | None:
    """The plan with the rings of ``decision`` as large as ``problem`` says; None where there is no room or time."""
    names = {stored_name(decision.tensor), *(fetched_name(decision.tensor, g) for g in range(len(decision.late)))}
    numbers = [number for number, operator in enumerate(problem.operators) if operator.name in names]
    if not all(_in_time(problem, life, number) for number in numbers):
        return None
    before = state.problem
    states: list[Block | None] = [None if n in numbers else block for n, block in enumerate(state.plan.states)]
    plan = replace(state.plan, states=tuple(states))
    for number in numbers:
        size = problem.operators[number].state_bytes
        own = slots_of(life, number)
        slots = np.arange(own[0], own[-1] + 1)
        place = first_fit(gaps(before, plan, life, slots, limit - sum(plan.pool_bytes), scratch=True), size)
        if place is None:
            return None
        operators = list(before.operators)
        operators[number] = problem.operators[number]
        before = replace(before, operators=tuple(operators))
        states[number] = place
        used = list(plan.pool_bytes)
        used[place.pool] = max(used[place.pool], place.offset + size)
        plan = replace(plan, states=tuple(states), pool_bytes=tuple(used))
    return plan


def _in_time(problem: Problem, life: Lifetimes, number: int) -> bool:
    """Whether an operator's lines are there when its steps, as ``problem`` now has them, read them."""
    table = life.table
    begin = table.first_step[number]
    for access in problem.operators[number].reads:
        first = int(table.first_line[access.tensor])
        for step, lines in enumerate(access.lines):
            if lines and life.birth[first + lines[-1]] >= life.slot[begin + step]:
                return False
    return True
