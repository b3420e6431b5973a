"""The fastest kernels that a plan has room for.

Plans are made with the kernels of least scratch memory. Where an operator runs while memory is left, a faster kernel
with more scratch costs nothing: the arena stays as large as the plan's peak, or grows to a stated budget. Scratch is
put into the gaps between the lines of the plan as it is; or everything is placed anew. What saves more cycles is taken.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyseg_tvm import codegen
from tinyseg_tvm.network import Network
from tinyseg_tvm.network.problem import Cost, IoMode, first_node
from tinyseg_tvm.planner.liveness import Lifetimes, lifetimes, live_profile
from tinyseg_tvm.planner.packing import pack
from tinyseg_tvm.planner.plan import Block, Plan
from tinyseg_tvm.planner.problem import Operator, Problem
from tinyseg_tvm.planner.step_table import Ints, step_table

SHARES = (1.0, 0.9, 0.7, 0.5, 0.25)  # of the room that live bytes leave; packing may not reach all of it
TRIES = 4  # placements per share


def with_fast_kernels(
    network: Network, problem: Problem, plan: Plan, *, io: IoMode, core: codegen.Core, budget: int | None = None
) -> tuple[Problem, Plan]:
    """The problem and plan with faster kernels where they fit.

    Args:
        network: what is planned.
        problem: with the scratch of the smallest kernels.
        plan: its plan; the schedule stays.
        io: how the problem was built.
        core: whose kernels to choose from.
        budget: bytes that the arena may grow to; None: no byte more than the plan uses.
    """
    limit = max(sum(plan.pool_bytes), budget or 0)
    table = step_table(problem)
    life = lifetimes(table, plan.steps)
    offset = first_node(network, io)
    choices = {offset + i: codegen.kernel_choices(node, network, core) for i, node in enumerate(network.nodes)}
    candidates = [_in_gaps(problem, plan, life, choices, limit)]
    anew = _placed_anew(problem, plan, life, choices, limit)
    if anew is not None:
        candidates.append(anew)
    return min(candidates, key=lambda candidate: _cycles(candidate[0]))


def _cycles(problem: Problem) -> int:
    return sum(operator.cycles * operator.steps for operator in problem.operators)


def _placed_anew(
    problem: Problem, plan: Plan, life: Lifetimes, choices: dict[int, tuple[Cost, ...]], limit: int
) -> tuple[Problem, Plan] | None:
    """Kernels by the bytes that are not alive, and a new placement of everything; None where no share of them fits."""
    table = life.table
    profile = live_profile(life)
    for share in SHARES:
        operators = list(problem.operators)
        for number, costs in choices.items():
            slots = _slots(life, number)
            busy = int(profile[slots].max()) if len(slots) else 0
            room = operators[number].scratch_bytes + int(share * max(limit - busy, 0))
            operators[number] = _chosen(operators[number], costs, room)
        if operators == list(table.problem.operators):
            return None
        faster = replace(problem, operators=tuple(operators))
        packed = pack(step_table(faster), plan.steps, TRIES)
        if sum(packed.pool_bytes) <= limit and _fits(faster, packed):
            return faster, packed
    return None


def _in_gaps(
    problem: Problem, plan: Plan, life: Lifetimes, choices: dict[int, tuple[Cost, ...]], limit: int
) -> tuple[Problem, Plan]:
    """Every line and state stays where it is; each operator's scratch goes where nothing lies during its steps."""
    operators, scratch = list(problem.operators), list(plan.scratch)
    used = list(plan.pool_bytes)
    for number, costs in choices.items():
        if len(costs) < 2:
            continue
        gaps = _gaps(problem, plan, life, number, limit - sum(used))
        widest = max((end - begin for _, begin, end in gaps), default=0)
        operator = operators[number]
        chosen = _chosen(operator, costs, widest)
        if chosen.cycles >= operator.cycles or chosen.scratch_bytes > widest:
            continue
        operators[number] = chosen
        scratch[number] = None
        if chosen.scratch_bytes:
            pool, address, _ = min(
                (gap for gap in gaps if gap[2] - gap[1] >= chosen.scratch_bytes), key=lambda gap: (gap[0], gap[1])
            )
            scratch[number] = Block(pool, address)
            used[pool] = max(used[pool], address + chosen.scratch_bytes)
    faster = replace(problem, operators=tuple(operators))
    return faster, replace(plan, scratch=tuple(scratch), pool_bytes=tuple(used))


def _gaps(problem: Problem, plan: Plan, life: Lifetimes, number: int, growth: int) -> list[tuple[int, int, int]]:
    """Ranges of addresses (pool, begin, end), begin aligned, that are free in every step of an operator.

    Args:
        problem: what is planned.
        plan: what is there; scratch is not, as no two operators run at once.
        life: when it is there.
        number: of the operator.
        growth: bytes by which a pool may grow.
    """
    table = life.table
    slots = _slots(life, number)
    if not len(slots):
        return []
    lines = _alive(slots, life.birth, _last_slots(life)) & (table.line_bytes > 0)
    low = np.fromiter((a for p in plan.placements for a in p.offsets), np.int64, table.lines)[lines]
    high = low + table.line_bytes[lines]
    pool_of = np.asarray([p.pool for p in plan.placements], np.int64)[table.line_tensor[lines]]
    states = [
        (block.pool, block.offset, block.offset + operator.state_bytes)
        for other, (operator, block) in enumerate(zip(problem.operators, plan.states, strict=True))
        if block is not None and _state_alive(life, other, slots)
    ]
    gaps = []
    for index, pool in enumerate(problem.pools):
        here = pool_of == index
        busy = sorted(
            [
                *zip(low[here].tolist(), high[here].tolist(), strict=True),
                *((begin, end) for where, begin, end in states if where == index),
            ]
        )
        top = plan.pool_bytes[index] + growth
        top = top if pool.bytes is None else min(top, pool.bytes)
        free = 0
        for begin, end in [*busy, (top, top)]:
            start = -(-free // pool.alignment) * pool.alignment
            if start < begin:
                gaps.append((index, start, begin))
            free = max(free, end)
    return gaps


def _slots(life: Lifetimes, number: int) -> Ints:
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


def _state_alive(life: Lifetimes, number: int, slots: Ints) -> bool:
    own = _slots(life, number)
    return bool(len(own)) and bool(((slots >= own[0]) & (slots <= own[-1])).any())


def _chosen(operator: Operator, costs: tuple[Cost, ...], room: int) -> Operator:
    """The operator with the fastest kernel of so much scratch."""
    fitting = [cost for cost in costs if cost.scratch_bytes <= room]
    best = fitting[-1] if fitting else costs[0]
    return replace(operator, scratch_bytes=best.scratch_bytes, cycles=best.cycles_per_step)


def _fits(problem: Problem, plan: Plan) -> bool:
    sizes = zip(problem.pools, plan.pool_bytes, strict=True)
    return all(pool.bytes is None or used <= pool.bytes for pool, used in sizes)
