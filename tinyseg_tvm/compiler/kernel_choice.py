"""The fastest kernels that a plan has room for.

Plans are made with the kernels of least scratch memory. Where an operator runs while memory is left, a faster kernel
with more scratch costs nothing: the arena stays as large as the plan's peak, or grows to a stated budget. Scratch is
put into the gaps between the lines of the plan as it is; or everything is placed anew. What saves more cycles is taken.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyseg_tvm import codegen
from tinyseg_tvm.compiler.arena import arena_limit
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.network.problem import first_node
from tinyseg_tvm.planner.gaps import first_fit, gaps, slots_of
from tinyseg_tvm.planner.liveness import Lifetimes, lifetimes, live_profile
from tinyseg_tvm.planner.packing import pack
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Operator, Problem
from tinyseg_tvm.planner.step_table import step_table

SHARES = (1.0, 0.9, 0.7, 0.5, 0.25)  # of the room that live bytes leave; packing may not reach all of it
TRIES = 4  # placements per share
CODE_BYTES = 96 << 10  # of flash: driver, kernels, port; a generous guess


def with_fast_kernels(planned: Planned, situation: Situation) -> Planned:
    """The plan with faster kernels where the arena and the board's flash have room for them; the schedule stays.

    Args:
        planned: with the smallest kernels.
        situation: whose core has the kernels; its options say whether the arena may grow.
    """
    network, problem, plan = planned.network, planned.problem, planned.plan
    limit = arena_limit(planned, situation)
    life = lifetimes(step_table(problem), plan.steps)
    offset = first_node(network, situation.options.io)
    choices = {
        offset + i: codegen.kernel_choices(node, network, situation.core) for i, node in enumerate(network.nodes)
    }
    if situation.board.flash_bytes is not None:
        choices = _within_flash(problem, choices, situation.board.flash_bytes - CODE_BYTES)
    candidates = [_in_gaps(problem, plan, life, choices, limit)]
    anew = _placed_anew(problem, plan, life, choices, limit)
    if anew is not None:
        candidates.append(anew)
    faster, placed = min(candidates, key=lambda candidate: _cycles(candidate[0]))
    return replace(planned, problem=faster, plan=placed)


def _cycles(problem: Problem) -> int:
    return sum(operator.cycles * operator.steps for operator in problem.operators)


def _within_flash(problem: Problem, choices: dict[int, tuple[Cost, ...]], limit: int) -> dict[int, tuple[Cost, ...]]:
    """The choices without those of the largest constants, until any of the remaining together fit.

    Those go first that save the fewest cycles per byte; the kernels of least scratch stay, for there is no other plan.
    """
    kept = dict(choices)
    while sum(max(cost.flash_bytes for cost in costs) for costs in kept.values()) > limit:
        ways = []
        for number, costs in kept.items():
            largest = max(costs, key=lambda cost: cost.flash_bytes)
            others = tuple(cost for cost in costs if cost is not largest)
            if largest is costs[0] or largest.flash_bytes == costs[0].flash_bytes:
                continue
            saved = largest.flash_bytes - max(cost.flash_bytes for cost in others)
            lost = min(cost.cycles_per_step for cost in others) - min(cost.cycles_per_step for cost in costs)
            ways.append((lost * problem.operators[number].steps / max(saved, 1), number, others))
        if not ways:
            break
        _, number, others = min(ways)
        kept[number] = others
    return kept


def _placed_anew(
    problem: Problem, plan: Plan, life: Lifetimes, choices: dict[int, tuple[Cost, ...]], limit: int
) -> tuple[Problem, Plan] | None:
    """Kernels by the bytes that are not alive, and a new placement of everything; None where no share of them fits."""
    table = life.table
    profile = live_profile(life)
    for share in SHARES:
        operators = list(problem.operators)
        for number, costs in choices.items():
            room = operators[number].scratch_bytes + int(share * _room(profile, life, number, limit))
            operators[number] = _chosen(operators[number], costs, room)
        if operators == list(table.problem.operators):
            return None
        faster = replace(problem, operators=tuple(operators))
        packed = pack(step_table(faster), plan.steps, TRIES)
        if sum(packed.pool_bytes) <= limit and _fits(faster, packed):
            return faster, packed
    return None


def scratch_rooms(planned: Planned, situation: Situation) -> list[int]:
    """Bytes of scratch that each operator can have at the most."""
    problem, limit = planned.problem, arena_limit(planned, situation)
    life = lifetimes(step_table(problem), planned.plan.steps)
    profile = live_profile(life)
    return [
        operator.scratch_bytes + _room(profile, life, number, limit)
        for number, operator in enumerate(problem.operators)
    ]


def _room(profile: np.ndarray, life: Lifetimes, number: int, limit: int) -> int:
    """Bytes that stay free of an arena throughout an operator's steps."""
    slots = slots_of(life, number)
    busy = int(profile[slots].max()) if len(slots) else 0
    return max(limit - busy, 0)


def _in_gaps(
    problem: Problem, plan: Plan, life: Lifetimes, choices: dict[int, tuple[Cost, ...]], limit: int
) -> tuple[Problem, Plan]:
    """Every line and state stays where it is; each operator's scratch goes where nothing lies during its steps."""
    operators, scratch = list(problem.operators), list(plan.scratch)
    used = list(plan.pool_bytes)
    for number, costs in choices.items():
        if len(costs) < 2:
            continue
        free = gaps(problem, plan, life, slots_of(life, number), limit - sum(used), scratch=False)
        widest = max((gap.bytes for gap in free), default=0)
        operator = operators[number]
        chosen = _chosen(operator, costs, widest)
        if chosen.cycles >= operator.cycles or chosen.scratch_bytes > widest:
            continue
        operators[number] = chosen
        scratch[number] = None
        if chosen.scratch_bytes:
            place = first_fit(free, chosen.scratch_bytes)
            assert place is not None
            scratch[number] = place
            used[place.pool] = max(used[place.pool], place.offset + chosen.scratch_bytes)
    faster = replace(problem, operators=tuple(operators))
    return faster, replace(plan, scratch=tuple(scratch), pool_bytes=tuple(used))


def _chosen(operator: Operator, costs: tuple[Cost, ...], room: int) -> Operator:
    """The operator with the fastest kernel of so much scratch."""
    fitting = [cost for cost in costs if cost.scratch_bytes <= room]
    best = min(fitting or costs[:1], key=lambda cost: (cost.cycles_per_step, cost.flash_bytes))
    return replace(
        operator,
        kernel=best.kernel,
        scratch_bytes=best.scratch_bytes,
        cycles=best.cycles_per_step,
        flash_bytes=best.flash_bytes,
    )


def _fits(problem: Problem, plan: Plan) -> bool:
    sizes = zip(problem.pools, plan.pool_bytes, strict=True)
    return all(pool.bytes is None or used <= pool.bytes for pool, used in sizes)
