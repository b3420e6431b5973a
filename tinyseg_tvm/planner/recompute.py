"""Recomputation: computing lines a second time instead of keeping them.

A tensor that is read early and again much later (a skip connection, a gated map) can be split: its late readers
read a copy, made by clones of the operators that produced it, from tensors further up that are smaller or live on
anyway. That is a transformation of the planning problem; the result is an ordinary problem, planned and validated
like any other.

Numbering: clones stand just before the first late reader, all other operators keep their order; copies of tensors
follow the original tensors. ``operator_origin`` and ``tensor_origin`` say what is a copy of what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tinyseg_tvm.planner.cascade import flow
from tinyseg_tvm.planner.explain import peak_of
from tinyseg_tvm.planner.optimiser import Objective, plan
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Access, Operator, Pool, Problem, Role, Tensor
from tinyseg_tvm.planner.segmentation import Segments, best_cuts
from tinyseg_tvm.planner.step_table import step_table

Progress = Callable[[float, str], None]

MAX_DEPTH = 6  # operators in a row that are cloned
MIN_SHARE = 0.03  # of the peak: a tensor that holds less there is not worth splitting
FINALISTS = 3  # candidates per round that are judged with their own cuts


@dataclass(frozen=True)
class Decision:
    """Readers ``late`` (operator numbers) of ``tensor`` read a copy made by clones of ``operators`` (in order)."""

    tensor: int
    late: tuple[int, ...]
    operators: tuple[int, ...]


@dataclass(frozen=True)
class Recomputed:
    """A problem with clones.

    Attributes:
        problem: operators and tensors, clones included.
        operator_origin: per operator, its number in the original problem. A clone has a number seen before.
        tensor_origin: per tensor, its number in the original problem.
    """

    problem: Problem
    operator_origin: tuple[int, ...]
    tensor_origin: tuple[int, ...]

    @property
    def clones(self) -> tuple[int, ...]:
        """Numbers (in ``problem``) of the cloned operators, which are later than their originals."""
        seen: set[int] = set()
        found = []
        for number, origin in enumerate(self.operator_origin):
            if origin in seen:
                found.append(number)
            seen.add(origin)
        return tuple(found)

    @property
    def extra_macs(self) -> int:
        """Multiply-accumulates that the clones add."""
        return sum(self.problem.operators[number].macs for number in self.clones)


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


def unchanged(problem: Problem) -> Recomputed:
    """``problem`` without clones."""
    return Recomputed(problem, tuple(range(len(problem.operators))), tuple(range(len(problem.tensors))))


def recompute(before: Recomputed, decision: Decision) -> Recomputed:
    """Split one tensor of ``before.problem`` (numbers in ``decision`` are those of that problem)."""
    problem = before.problem
    tensors = list(problem.tensors)
    tensor_origin = list(before.tensor_origin)
    copy_of: dict[int, int] = {}
    for number in decision.operators:
        for access in problem.operators[number].writes:
            copy_of[access.tensor] = len(tensors)
            original = problem.tensors[access.tensor]
            tensors.append(replace(original, name=_fresh(original.name, tensors), role=Role.INTERNAL))
            tensor_origin.append(before.tensor_origin[access.tensor])
    names = list(problem.operators)
    clones = []
    for number in decision.operators:
        clone = _redirected(problem.operators[number], copy_of, writes=True)
        clones.append(replace(clone, name=_fresh(clone.name, names)))
        names.append(clones[-1])
    sinks = [number for number, operator in enumerate(problem.operators) if not operator.writes]
    at = min(*decision.late, *sinks, len(problem.operators))
    operators = [
        _redirected(operator, {decision.tensor: copy_of[decision.tensor]}) if number in decision.late else operator
        for number, operator in enumerate(problem.operators)
    ]
    origin = before.operator_origin
    return Recomputed(
        replace(problem, tensors=tuple(tensors), operators=(*operators[:at], *clones, *operators[at:])),
        (*origin[:at], *(origin[number] for number in decision.operators), *origin[at:]),
        tuple(tensor_origin),
    )


def _redirected(operator: Operator, target: dict[int, int], *, writes: bool = False) -> Operator:
    def moved(access: Access) -> Access:
        return replace(access, tensor=target.get(access.tensor, access.tensor))

    return replace(
        operator,
        reads=tuple(map(moved, operator.reads)),
        writes=tuple(map(moved, operator.writes)) if writes else operator.writes,
    )


def _fresh(name: str, taken: Sequence[Operator | Tensor]) -> str:
    """``name`` with the first free number."""
    names = {thing.name for thing in taken}
    number = 2
    while f"{name}#{number}" in names:
        number += 1
    return f"{name}#{number}"


def decisions(problem: Problem, worthwhile: set[int], max_macs: int) -> Iterator[Decision]:
    """Ways to split the tensors in ``worthwhile`` that cost at most ``max_macs``."""
    producer = {
        access.tensor: number for number, operator in enumerate(problem.operators) for access in operator.writes
    }
    for tensor in sorted(worthwhile):
        readers = sorted(
            {
                number
                for number, operator in enumerate(problem.operators)
                for access in operator.reads
                if access.tensor == tensor
            }
        )
        for split in range(1, len(readers)):
            for chain in _chains(problem, producer, tensor):
                if sum(problem.operators[number].macs for number in chain) <= max_macs:
                    yield Decision(tensor, tuple(readers[split:]), chain)


def _chains(problem: Problem, producer: dict[int, int], tensor: int) -> Iterator[tuple[int, ...]]:
    """Operators that make ``tensor``: its producer, with the producers of what that reads, and so on."""
    chosen: set[int] = set()
    wanted = {tensor}
    for _ in range(MAX_DEPTH):
        more = {producer[number] for number in wanted if number in producer} - chosen
        # a source has no operands: its lines come once
        more = {number for number in more if problem.operators[number].reads}
        if not more:
            return
        chosen |= more
        yield tuple(sorted(chosen))
        wanted = {access.tensor for number in more for access in problem.operators[number].reads}


def pareto(
    problem: Problem, *, max_percent: float = 50.0, effort: float = 1.0, progress: Progress | None = None
) -> tuple[Point, ...]:
    """Plans of which none is better than another in both RAM and multiply-accumulates.

    Starts without recomputation and splits, one after the other, the tensors that lower the live bytes most.

    Args:
        problem: what to plan. Limits of its pools are ignored: the front shows what budgets would do.
        max_percent: multiply-accumulates that recomputation may add, in percent of the network's.
        effort: as in ``optimiser.plan``.
        progress: called with the share of work done and what is being done.
    """
    free = replace(problem, pools=tuple(Pool(pool.name, None, pool.alignment) for pool in problem.pools[:1]))
    report = progress or (lambda _share, _what: None)
    total = sum(operator.macs for operator in free.operators)
    budget = int(total * max_percent / 100)
    current = unchanged(free)
    points = [_point(current, total, effort)]
    spent = 0.0
    while True:
        report(spent, "recomputation")
        best = _best_split(current, points[-1], budget - current.extra_macs)
        if best is None:
            break
        current = best
        points.append(_point(current, total, effort))
        spent += (1 - spent) * 0.3
    report(1.0, "done")
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
    peak = peak_of(current.problem, point.plan.steps)
    numbers = {tensor.name: number for number, tensor in enumerate(current.problem.tensors)}
    worthwhile = {
        numbers[occupant.name]
        for occupant in peak.occupants
        if occupant.kind == "tensor" and occupant.bytes >= MIN_SHARE * peak.live_bytes
    }
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
    live, _, _, best = min(finalists, key=lambda entry: entry[:3], default=(peak.live_bytes, 0, 0, current))
    return best if live < peak.live_bytes else None
