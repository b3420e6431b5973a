"""What RAM can be traded for in time and flash: a plan's kernels in arenas of different sizes, each placed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tinyseg_tvm.compiler.arena import beside_arena
from tinyseg_tvm.compiler.kernel_choice import fastest_within
from tinyseg_tvm.compiler.kernel_front import KernelFront, cycles_of, kernel_front
from tinyseg_tvm.compiler.memory import promised_memory
from tinyseg_tvm.compiler.objective import inference_seconds
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.program import best_of
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.network.problem import IoMode

MOST_POINTS = 8  # between least RAM and the shortest time
WORTH_A_POINT = 0.98  # of the cycles that the point before promises
WORTH_A_ROW = 0.99  # of the cycles of the point before, as placed


@dataclass(frozen=True)
class SpeedPoint:
    """One way to spend RAM on kernels.

    Attributes:
        arguments: the options of ``tinyseg compile`` that choose it.
        ram: bytes of the whole program.
        cycles: estimated, of an inference.
        seconds: at the board's clock.
        flash: bytes of the kernels' constants and of code that is an operator's own.
        balanced: whether it is what the objective of that name takes.
    """

    arguments: str
    ram: int
    cycles: int
    seconds: float
    flash: int
    balanced: bool = False


def speed_points(plans: Iterable[Planned], situation: Situation, io: IoMode) -> list[SpeedPoint]:
    """The front of RAM and time, least RAM first: each point is faster than those before.

    Args:
        plans: one along each axis, with the kernels of least scratch.
        situation: without a limit of RAM.
        io: of the plans.
    """
    fronts = [kernel_front(planned, situation) for planned in plans]
    balanced = best_of(fronts, replace(situation, options=replace(situation.options, objective="balanced")))
    reserved = sum(space.bytes for space in situation.fast_spaces)
    found = [_point(balanced, situation, f"--io {io}", balanced=True)]
    for number, (front, arena) in enumerate(_worth_placing(fronts, situation)):
        placed = fastest_within(front, situation, arena)
        limit = arena + beside_arena(placed.network, situation, placed.problem) + reserved
        which = f"--ram {limit}" if number else "--objective ram"
        found.append(_point(placed, situation, f"--io {io} --stream-axis {placed.axis} {which}"))
    best: list[SpeedPoint] = []
    fastest = min(point.cycles for point in found)
    for point in sorted(found, key=lambda point: (point.ram, point.cycles, not point.balanced)):
        least = best[-1].cycles if best else math.inf
        if point.cycles < least and (point.balanced or point.cycles == fastest or point.cycles < WORTH_A_ROW * least):
            best.append(point)
    return best


def _worth_placing(fronts: Sequence[KernelFront], situation: Situation) -> list[tuple[KernelFront, int]]:
    """Fronts and arenas whose points are faster than all that take less RAM, by RAM; a few, spread over the cycles."""
    points = sorted(
        (
            point.arena_bytes + beside_arena(front.planned.network, situation, front.planned.problem),
            point.cycles,
            point.arena_bytes,
            number,
        )
        for number, front in enumerate(fronts)
        for point in front.points
    )
    least = points[0][1]
    fastest = min(cycles for _, cycles, *_ in points)
    step = min(WORTH_A_POINT, (fastest / least) ** (1 / MOST_POINTS))
    kept: list[tuple[KernelFront, int]] = []
    last = math.inf
    for _, cycles, arena, number in points:
        if cycles < step * last or (cycles == fastest and cycles < last):
            kept.append((fronts[number], arena))
            last = cycles
    return kept


def _point(planned: Planned, situation: Situation, arguments: str, *, balanced: bool = False) -> SpeedPoint:
    memory, operators = promised_memory(planned, situation), planned.problem.operators
    return SpeedPoint(
        arguments,
        memory.total - memory.slow,
        cycles_of(operators),
        inference_seconds(planned, situation),
        sum(operator.flash_bytes for operator in operators),
        balanced,
    )
