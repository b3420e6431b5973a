"""What RAM can be traded for: plans of which none is better than another. RAM limits are ignored."""

from __future__ import annotations

from contextlib import suppress

from tinyseg_tvm.compiler.arena import arena_problem
from tinyseg_tvm.compiler.axes import by_axis
from tinyseg_tvm.compiler.planned import Planned
from tinyseg_tvm.compiler.planning import of_point
from tinyseg_tvm.compiler.situation import Situation
from tinyseg_tvm.compiler.spill_planning import of_state, spilling_states
from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.planner.progress import Progress
from tinyseg_tvm.planner.recompute_search import pareto
from tinyseg_tvm.relay_passes.lowered_module import LoweredModule


def recomputing_points(lowered: LoweredModule, situation: Situation, progress: Progress | None = None) -> list[Planned]:
    """Plans of which none is better than another in RAM and recomputed MACs, over the axes that the options allow."""
    options = situation.options
    points: list[Planned] = []
    for oriented, report in by_axis(lowered, situation, progress):
        problem = arena_problem(oriented.network, situation)
        front = pareto(problem, max_percent=options.max_recompute, effort=options.effort, progress=report)
        points += [of_point(oriented, point) for point in front]
    best: list[Planned] = []
    for point in sorted(points, key=lambda point: (point.recomputed_macs, point.arena_bytes)):
        if not best or point.arena_bytes < best[-1].arena_bytes:
            best.append(point)
    return best


def spilling_points(
    lowered: LoweredModule, situation: Situation, progress: Progress | None = None, most: int = 8
) -> list[Planned]:
    """Plans of which none is better than another in RAM, bytes written and recomputed MACs.

    The options name the storage, the axis, and the budgets of writing and recomputation. ``most``: points per axis,
    spread over the range.
    """
    free = situation.unlimited()
    points: list[Planned] = []
    for oriented, report in by_axis(lowered, free, progress):
        states = spilling_states(oriented.network, free, arena_problem(oriented.network, free), report)
        chosen = {round(index * (len(states) - 1) / max(most - 1, 1)) for index in range(most)}
        for place in sorted(chosen):
            with suppress(DoesNotFitError):  # more than the storages can hold, with headers and padding
                points.append(of_state(oriented, free, states[place], report))
    prices = {id(p): (p.arena_bytes, p.written_bytes, p.recomputed_macs) for p in points}

    def beaten(point: Planned) -> bool:
        mine = prices[id(point)]
        return any(all(a <= b for a, b in zip(p, mine, strict=True)) and p != mine for p in prices.values())

    return sorted((p for p in points if not beaten(p)), key=lambda p: (p.written_bytes, p.recomputed_macs))
