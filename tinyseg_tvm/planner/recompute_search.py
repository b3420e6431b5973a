"""The trade between RAM and multiply-accumulates: which tensors to compute a second time (recompute.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinyseg_tvm.planner.cascade import flow
from tinyseg_tvm.planner.liveness import lifetimes, peak_of
from tinyseg_tvm.planner.optimiser import Objective, plan
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Pool, Problem, readers_of
from tinyseg_tvm.planner.progress import Progress, silent
from tinyseg_tvm.planner.recompute import Decision, Recomputed, chains_of, decisions, recompute, unchanged
from tinyseg_tvm.planner.segmentation import Segments, best_cuts
from tinyseg_tvm.planner.step_table import step_table

MIN_SHARE = 0.03  # of the peak: a tensor that holds less there is not worth splitting
FINALISTS = 3  # candidates per round that are judged with their own cuts
MAX_MANY_DEPTH = 3  # operators in a row that are cloned where many tensors are split at once
MAX_SIZES = 6  # sizes from which on tensors are split at once
MAX_MANY = 3  # of these, how many are planned in full
LEAST_GAIN = 0.02  # of the RAM: what splitting many must promise


@dataclass(frozen=True)
class Point:
    """One plan on the Pareto front.

    Attributes:
        ram: bytes of all pools.
        macs: multiply-accumulates of one inference, recomputation included.
        extra_macs: those recomputed.
        cycles: estimated, recomputation included.
    """

    ram: int
    macs: int
    extra_macs: int
    cycles: int
    recomputed: Recomputed
    plan: Plan


def pareto(
    problem: Problem, *, max_percent: float = 50.0, effort: float = 1.0, progress: Progress | None = None
) -> tuple[Point, ...]:
    """Plans of which none is better than another in both RAM and multiply-accumulates.

    Starts without recomputation and splits, one after the other, the tensors that lower the live bytes most. Where many
    tensors of one size stand in a row (gated maps), no single split helps: all tensors above a size are split at once.

    Args:
        problem: what to plan. Limits of its pools are ignored: the front shows what budgets would do.
        max_percent: multiply-accumulates that recomputation may add, in percent of the network's.
        effort: as in ``optimiser.plan``.
        progress: told of each split.
    """
    free = replace(problem, pools=tuple(Pool(pool.name, None, pool.alignment) for pool in problem.pools[:1]))
    report = progress or silent
    total = sum(operator.macs for operator in free.operators)
    budget = int(total * max_percent / 100)
    current = unchanged(free)
    points = [_point(current, total, effort)]
    spent = 0.0
    while True:
        report("recomputation", spent)
        best = _best_split(current, points[-1], budget - current.extra_macs)
        if best is None:
            break
        current = best
        points.append(_point(current, total, effort))
        spent += (1 - spent) * 0.3
    for several in _many_splits(free, points[-1].ram, budget):
        points.append(_point(several, total, effort))
        spent += (1 - spent) * 0.3
        report("recomputation", spent)
    report("done", 1.0)
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.macs, point.ram)):
        if not front or point.ram < front[-1].ram:
            front.append(point)
    return tuple(front)


def plan_with_recomputation(
    problem: Problem, max_percent: float, *, effort: float = 1.0, progress: Progress | None = None
) -> Point:
    """The smallest plan that adds at most ``max_percent`` percent of multiply-accumulates."""
    return pareto(problem, max_percent=max_percent, effort=effort, progress=progress)[-1]


def _point(recomputed: Recomputed, total: int, effort: float) -> Point:
    best = plan(recomputed.problem, objective=Objective.SMALLEST, effort=effort)
    cycles = sum(operator.cycles * operator.steps for operator in recomputed.problem.operators)
    return Point(sum(best.pool_bytes), total + recomputed.extra_macs, recomputed.extra_macs, cycles, recomputed, best)


def _best_split(current: Recomputed, point: Point, max_macs: int) -> Recomputed | None:
    """The split that lowers the live bytes most, or None where none does."""
    peak = peak_of(lifetimes(step_table(current.problem), point.plan.steps))
    worthwhile = {number for number, size in peak.tensors.items() if size >= MIN_SHARE * peak.bytes}
    judged: list[tuple[int, int, int, Recomputed]] = []
    for decision in decisions(current.problem, worthwhile, max_macs):
        split = recompute(current, decision)
        everything = range(len(split.problem.operators))
        live = Segments(flow(step_table(split.problem)), everything).of(0, len(everything)).peak
        judged.append((live, split.extra_macs, len(judged), split))
    judged.sort(key=lambda entry: entry[:3])
    finalists = []
    for _, macs, number, split in judged[:FINALISTS]:
        segments = Segments(flow(step_table(split.problem)), range(len(split.problem.operators)))
        finalists.append((segments.peak(best_cuts(segments)), macs, number, split))
    live, _, _, best = min(finalists, key=lambda entry: entry[:3], default=(peak.bytes, 0, 0, current))
    return best if live < peak.bytes else None


def _many_splits(problem: Problem, below: int, max_macs: int) -> list[Recomputed]:
    """Every tensor with several readers above some size split, by chains of some depth, where that promises less RAM.

    Those that are best in live bytes and multiply-accumulates, of which the cheapest come first.
    """
    several = [
        number
        for number, tensor in enumerate(problem.tensors)
        if not tensor.pinned and len(readers_of(problem, number)) > 1
    ]
    size = {number: problem.tensors[number].lines * problem.tensors[number].line_bytes for number in several}
    judged: list[tuple[int, int, Recomputed]] = []
    for depth in range(1, MAX_MANY_DEPTH + 1):
        for least in sorted(set(size.values()), reverse=True)[:MAX_SIZES]:
            split = _split_all(problem, [number for number in several if size[number] >= least], depth)
            if 0 < split.extra_macs <= max_macs:
                judged.append((split.extra_macs, _quick_peak(split), split))
    found: list[Recomputed] = []
    for _, live, split in sorted(judged, key=lambda entry: entry[:2]):
        if live < below * (1 - LEAST_GAIN):
            below = live
            found.append(split)
    return found[-MAX_MANY:]


def _split_all(problem: Problem, tensors: Sequence[int], depth: int) -> Recomputed:
    """All readers but the first of each tensor read copies, made by chains of ``depth`` operators or fewer."""
    current = unchanged(problem)
    for number in sorted(tensors, reverse=True):
        here = next(n for n, tensor in enumerate(current.problem.tensors) if tensor is problem.tensors[number])
        readers = readers_of(current.problem, here)
        chains = list(chains_of(current.problem, here))[:depth]
        if chains:
            current = recompute(current, Decision(here, readers[1:], chains[-1]))
    return current


def _quick_peak(split: Recomputed) -> int:
    """Live bytes under cuts that are easily guessed: before every late reader's clones, or none."""
    problem = split.problem
    segments = Segments(flow(step_table(problem)), range(len(problem.operators)), quick=True)
    clones = set(split.clones)
    heads = [number for number in sorted(clones) if number and number - 1 not in clones]
    return min(segments.peak(()), segments.peak(heads))
