"""The kernels of a plan: the fastest that an arena has room for, or those that balance RAM and time.

Plans are made with the kernels of least scratch memory. Where an operator runs while memory is left, a faster kernel
with more scratch costs nothing. Scratch is put into the gaps between the lines of the plan as it is; or everything is
placed anew. What serves the objective better is taken.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from tinyseg_tvm.compiler.arena import arena_limit, beside_arena
from tinyseg_tvm.compiler.flash_room import FlashRoom
from tinyseg_tvm.compiler.kernel_front import KernelFront, KernelPoint, cycles_of, kernel_front
from tinyseg_tvm.compiler.objective import balance, inference_seconds
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.network.problem import first_node
from tinyseg_tvm.planner.gaps import first_fit, gaps, slots_of
from tinyseg_tvm.planner.optimiser import fits
from tinyseg_tvm.planner.packing import pack
from tinyseg_tvm.planner.problem import Problem

SHARES = (1.0, 0.9, 0.7, 0.5, 0.25)  # of the room that live bytes leave; packing may not reach all of it
TRIES = 4  # placements per share
MOST_ARENAS = 3  # that are placed to see which one balances RAM and time
WORTH_SLOWER = 1.2  # a balanced plan has no kernel so much slower than another one
WORTH_RAM = 1.1  # that so much of the least RAM has room for


def with_fast_kernels(planned: Planned, situation: Situation) -> Planned:
    """The plan with the kernels that serve the objective best; the schedule stays.

    Args:
        planned: with the smallest kernels.
        situation: whose core has the kernels; its options say whether the arena may grow.
    """
    return choose_kernels(kernel_front(planned, situation), situation)


def choose_kernels(front: KernelFront, situation: Situation) -> Planned:
    """As ``with_fast_kernels``, of a plan whose front is known."""
    if not situation.options.balances:
        return fastest_within(front, situation, arena_limit(front.planned, situation))
    return _within_flash(front, situation, partial(_balanced, situation=situation))


def fastest_within(front: KernelFront, situation: Situation, limit: int) -> Planned:
    """The plan with the fastest kernels that an arena and the board's flash have room for."""
    return _within_flash(front, situation, partial(_fastest, limit=limit))


def _within_flash(front: KernelFront, situation: Situation, choose: Callable[[KernelFront], Planned]) -> Planned:
    """What is chosen of a front, without the kernels that the board's flash has no room for."""
    network = front.planned.network
    first = first_node(network, situation.options.io)
    flash = FlashRoom(network, first, situation.board, situation.core, len(situation.storages))
    rooms = [operator.scratch_bytes for operator in front.planned.problem.operators]
    chosen = choose(front)
    while not flash.is_ample(front.choices) and flash.excess(chosen.problem.operators):
        fewer = flash.fewer(front.choices, chosen.problem.operators, rooms)
        if fewer is None:
            break
        front = front.among(fewer)
        chosen = choose(front)
    return chosen


def _fastest(front: KernelFront, limit: int) -> Planned:
    """The fastest kernels of a front that an arena has room for."""
    in_gaps = _in_gaps(front, limit)
    for share in SHARES:
        anew = _placed_anew(front, limit, share)
        if anew is None:
            break
        if anew.arena_bytes <= limit and fits(anew.problem, anew.plan):
            return min(in_gaps, anew, key=lambda planned: cycles_of(planned.problem.operators))
    return in_gaps


def balance_bound(front: KernelFront, situation: Situation) -> float:
    """What no plan of a front is balanced better than (``objective.balance``)."""
    return min(_promises(front, situation, front.points))[0]


def scratch_rooms(planned: Planned, situation: Situation) -> list[int]:
    """Bytes of scratch that each operator can have at the most."""
    limit, front = arena_limit(planned, situation), KernelFront(planned, {})
    return [
        operator.scratch_bytes + max(limit - busy - operator.scratch_bytes, 0)
        for operator, busy in zip(planned.problem.operators, front.busy, strict=True)
    ]


def _balanced(front: KernelFront, situation: Situation) -> Planned:
    """The best balance of RAM and time; of points of the front, those that promise it are placed until none can win."""
    planned, points = front.planned, front.points
    beside = beside_arena(planned.network, situation, planned.problem)
    fair = int(WORTH_RAM * (planned.arena_bytes + beside)) - beside
    slowest = tuple(WORTH_SLOWER * operator.cycles for operator in front.within(fair).operators)

    def is_fair(problem: Problem) -> bool:
        return all(operator.cycles <= most for operator, most in zip(problem.operators, slowest, strict=True))

    points = points[bisect_left(points, True, key=lambda point: is_fair(front.within(point.arena_bytes))) :]
    promising = sorted(_promises(front, situation, points))
    best: Planned | None = None
    least = math.inf
    for promise, arena in promising[:MOST_ARENAS]:
        if promise >= least:
            break
        for candidate in (_in_gaps(front, arena), _placed_anew(front, arena)):
            if candidate is None or not is_fair(candidate.problem) or not fits(planned.problem, candidate.plan):
                continue
            found = balance(inference_seconds(candidate, situation), candidate.arena_bytes + beside)
            if found < least:
                best, least = candidate, found
    return _fastest(front, planned.arena_bytes) if best is None else best


def _promises(front: KernelFront, situation: Situation, points: Sequence[KernelPoint]) -> list[tuple[float, int]]:
    """The balance of points, and their arenas, if they could be placed without waste; nothing is better placed."""
    planned = front.planned
    beside = beside_arena(planned.network, situation, planned.problem)
    seconds, cycles = inference_seconds(planned, situation), cycles_of(planned.problem.operators)
    return [
        (
            balance(seconds - (cycles - point.cycles) / situation.board.clock_hz, point.arena_bytes + beside),
            point.arena_bytes,
        )
        for point in points
    ]


def _placed_anew(front: KernelFront, arena: int, share: float = 1.0) -> Planned | None:
    """The fastest kernels for the bytes that are not alive, and a new placement of everything; None: nothing is new.

    It may take more than the arena.
    """
    planned = front.planned
    faster = front.within(arena, share)
    if faster == planned.problem:
        return None
    packed = pack(replace(front.life.table, problem=faster), planned.plan.steps, TRIES)  # the same lines and steps
    return replace(planned, problem=faster, plan=packed)


def _in_gaps(front: KernelFront, limit: int) -> Planned:
    """Every line and state stays where it is; each operator's scratch goes where nothing lies during its steps."""
    problem, plan, life = front.planned.problem, front.planned.plan, front.life
    operators, scratch = list(problem.operators), list(plan.scratch)
    used = list(plan.pool_bytes)
    for number, costs in front.choices.items():
        if len(costs) < 2:
            continue
        grown = replace(plan, pool_bytes=tuple(used))
        free = gaps(problem, grown, life, slots_of(life, number), limit - sum(used), scratch=False)
        widest = max((gap.bytes for gap in free), default=0)
        operator = operators[number]
        chosen = front.operator(number, widest)
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
    return replace(front.planned, problem=faster, plan=replace(plan, scratch=tuple(scratch), pool_bytes=tuple(used)))
