"""Addresses that a plan leaves free during some of its steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.planner.liveness import Lifetimes
from tinyseg_tvm.planner.plan import Block, Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.step_table import Ints


@dataclass(frozen=True)
class Gap:
    """Addresses from ``begin`` (aligned) up to ``end`` of a pool."""

    pool: int
    begin: int
    end: int

    @property
    def bytes(self) -> int:
        """Its size."""
        return self.end - self.begin


def gaps(problem: Problem, plan: Plan, life: Lifetimes, slots: Ints, growth: int, *, scratch: bool) -> list[Gap]:
    """What is free in every one of some slots.

    Args:
        problem: what is planned.
        plan: what is there.
        life: when it is there.
        slots: of time, ascending.
        growth: bytes by which a pool may grow.
        scratch: whether scratch counts as being there; an operator's own scratch may lie where another's does.
    """
    if not len(slots):
        return []
    busy: list[list[tuple[int, int]]] = [[] for _ in problem.pools]
    table = life.table
    lines = _alive(slots, life.birth, _last_slots(life)) & (table.line_bytes > 0)
    low = np.concatenate([np.asarray(placement.offsets, np.int64) for placement in plan.placements])[lines]
    pool_of = np.asarray([p.pool for p in plan.placements], np.int64)[table.line_tensor[lines]]
    for pool, begin, size in zip(pool_of.tolist(), low.tolist(), table.line_bytes[lines].tolist(), strict=True):
        busy[pool].append((begin, begin + size))
    for number, operator in enumerate(problem.operators):
        own = slots_of(life, number)
        if not len(own):
            continue
        state, working = plan.states[number], plan.scratch[number]
        if state is not None and bool(((slots >= own[0]) & (slots <= own[-1])).any()):
            busy[state.pool].append((state.offset, state.offset + operator.state_bytes))
        if scratch and working is not None and np.isin(own, slots, assume_unique=True).any():
            busy[working.pool].append((working.offset, working.offset + operator.scratch_bytes))
    found = []
    for index, pool in enumerate(problem.pools):
        top = plan.pool_bytes[index] + growth
        top = top if pool.bytes is None else min(top, pool.bytes)
        free = 0
        for begin, end in [*sorted(busy[index]), (top, top)]:
            start = -(-free // pool.alignment) * pool.alignment
            if start < begin:
                found.append(Gap(index, start, begin))
            free = max(free, end)
    return found


def first_fit(free: list[Gap], size: int) -> Block | None:
    """Where ``size`` bytes go: the first pool, the lowest address."""
    fitting = [gap for gap in free if gap.bytes >= size]
    best = min(fitting, key=lambda gap: (gap.pool, gap.begin), default=None)
    return None if best is None else Block(best.pool, best.begin)


def slots_of(life: Lifetimes, number: int) -> Ints:
    """Slots of an operator's steps, ascending."""
    slots: Ints = life.slot[int(life.table.first_step[number]) : int(life.table.first_step[number + 1])]
    return slots


def _last_slots(life: Lifetimes) -> Ints:
    """Ends of lines, those that another is written over counted until it is written: it may lie elsewhere."""
    end: Ints = life.end.copy()
    end[life.heirs[:, 0]] += 1
    for source, _ in life.whole_heirs:
        end[int(life.table.first_line[source]) : int(life.table.first_line[source + 1])] += 1
    return end


def _alive(slots: Ints, birth: Ints, end: Ints) -> np.ndarray:
    """Which of the ranges [birth, end) contain one of the slots, which ascend."""
    following = np.searchsorted(slots, birth)
    return np.asarray((following < len(slots)) & (slots[np.minimum(following, len(slots) - 1)] < end))
