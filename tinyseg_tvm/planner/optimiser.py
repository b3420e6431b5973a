"""The best plan of all: layer by layer, or cascades cut where it pays, judged by the bytes they are really packed into.

``plan`` first finds the best cuts by live bytes for a few topological orders, then packs the most promising
schedules, and moves, removes and adds single cuts as long as the packed arena shrinks. Last, the order of steps itself
is bettered (order_descent.py). It counts work, not seconds, so that the same problem always gives the same plan. The
last few problems are kept with their plans: a network that is planned in several ways, or along both axes of a square,
asks for some again.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tinyseg_tvm.errors import DoesNotFitError
from tinyseg_tvm.planner.cascade import Flow, flow, layer_by_layer
from tinyseg_tvm.planner.layerwise import DEFAULT_WIDTH, best_order
from tinyseg_tvm.planner.liveness import lifetimes, live_bound, peak_of
from tinyseg_tvm.planner.order_bound import CUT_ARCS, bound
from tinyseg_tvm.planner.order_descent import better_orders
from tinyseg_tvm.planner.packing import pack
from tinyseg_tvm.planner.plan import Plan
from tinyseg_tvm.planner.problem import Problem
from tinyseg_tvm.planner.progress import Progress, silent
from tinyseg_tvm.planner.segmentation import Segments, best_cuts
from tinyseg_tvm.planner.step_graph import step_graph
from tinyseg_tvm.planner.step_table import step_table
from tinyseg_tvm.planner.validator import validate

QUICK_PLACEMENTS = 12_000  # lines placed to judge one schedule
MAX_TRIES = 200  # placements of one schedule
FINAL_PLACEMENTS = 80_000  # lines placed to pack the chosen one
SEARCH_PLACEMENTS = 150_000  # lines placed in the search for cuts, all together
ORDER_PLACEMENTS = 36_000  # lines placed to judge one order of steps
ORDERS_PLACEMENTS = 180_000  # lines placed to judge all of them
LAST_PLACEMENTS = 120_000  # lines placed to pack the best of them
LAST_TRIES = 300  # placements of it
KEPT_PLANS = 8


class Objective(enum.Enum):
    """What to optimise."""

    SMALLEST = "smallest"  # fewest bytes in the first pool
    FASTEST = "fastest"  # layer by layer if that fits the pools, else the smallest


def plan(
    problem: Problem,
    *,
    objective: Objective = Objective.SMALLEST,
    effort: float = 1.0,
    progress: Progress | None = None,
) -> Plan:
    """The best plan found, validated.

    Args:
        problem: what to plan; its pools state the budget.
        objective: see Objective.
        effort: multiplies the work spent on the search.
        progress: told of each stage.

    Raises:
        DoesNotFitError: no plan found keeps the pools' limits. Names what is alive at the peak of the smallest one.
    """
    report = progress or silent
    if objective is Objective.SMALLEST and len(problem.pools) == 1:
        best = _smallest(problem, effort, report)
        check_fits(problem, best)
        return best
    best = _Search(flow(step_table(problem)), effort, report).run(objective)
    check_fits(problem, best)
    validate(problem, best)
    return best


def _smallest(problem: Problem, effort: float, progress: Progress) -> Plan:
    """The smallest plan in one pool: the same whatever its limit is, and validated."""
    free = replace(problem, pools=(replace(problem.pools[0], bytes=None),))
    key = free, effort
    with _KNOWN_LOCK:
        best = _KNOWN.pop(key, None)
    if best is None:
        best = _Search(flow(step_table(free)), effort, progress).run(Objective.SMALLEST)
        validate(free, best)
    progress("done", 1.0)
    with _KNOWN_LOCK:
        _KNOWN[key] = best
        while len(_KNOWN) > KEPT_PLANS:
            del _KNOWN[next(iter(_KNOWN))]
    return best


_KNOWN: dict[tuple[Problem, float], Plan] = {}  # those asked for last stand last
_KNOWN_LOCK = threading.Lock()


def fits(problem: Problem, best: Plan) -> bool:
    """Whether a plan keeps the limits of all pools."""
    return all(
        pool.bytes is None or used <= pool.bytes for pool, used in zip(problem.pools, best.pool_bytes, strict=True)
    )


def cost(problem: Problem, made: Plan) -> tuple[int, ...]:
    """What makes a plan worse than another: bytes over the limits, then bytes in the slow pools, then in the fast."""
    excess = sum(
        max(0, used - pool.bytes)
        for pool, used in zip(problem.pools, made.pool_bytes, strict=True)
        if pool.bytes is not None
    )
    return (excess, *reversed(made.pool_bytes))


def check_fits(problem: Problem, best: Plan) -> None:
    """Raise DoesNotFitError where ``best`` exceeds a pool."""
    if fits(problem, best):
        return
    peak = peak_of(lifetimes(step_table(problem), best.steps))
    largest = sorted(peak.tensors, key=lambda number: -peak.tensors[number])[:3]
    names = ", ".join(f"{problem.tensors[number].name} ({peak.tensors[number]} bytes)" for number in largest)
    operator = problem.operators[best.steps[min(max(peak.slot - 1, 0), len(best.steps) - 1)]].name
    for pool, used in zip(problem.pools, best.pool_bytes, strict=True):
        if pool.bytes is not None and used > pool.bytes:
            raise DoesNotFitError(
                f"pool {pool.name} has {pool.bytes} bytes, the smallest plan found needs {used}: at its peak, in "
                f"operator {operator}, {peak.bytes} bytes are alive, most of them {names}. "
                f"Give the pool {used} bytes, or allow recomputation or storage",
                used,
            )


@dataclass
class _Search:
    """Plans tried so far."""

    flow: Flow
    effort: float
    progress: Progress
    best: Plan | None = None
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = SEARCH_PLACEMENTS * self.effort

    def run(self, objective: Objective) -> Plan:
        problem = self.flow.table.problem
        self.progress("layer by layer", 0.0)
        order = best_order(self.flow, DEFAULT_WIDTH)
        layerwise = layer_by_layer(self.flow, order)
        tries = self._tries(QUICK_PLACEMENTS)
        if objective is Objective.FASTEST:
            self.best = pack(self.flow.table, layerwise, tries)
            if fits(problem, self.best):
                return self.best
        in_file_order = tuple(range(len(problem.operators)))
        orders = [in_file_order] if order == in_file_order else [in_file_order, order]
        for number, order in enumerate(orders):
            start, share = 0.05 + 0.85 * number / len(orders), 0.85 / len(orders)
            self.progress("cuts", start)
            self._search_cuts(Segments(self.flow, order), start, share)
        self.progress("packing", 0.9)
        assert self.best is not None
        if objective is Objective.SMALLEST and self._may_win(layerwise):
            packed = pack(self.flow.table, layerwise, tries)
            self.best = min(packed, self.best, key=lambda made: cost(problem, made))
        self.attempt(self.best.steps, FINAL_PLACEMENTS)
        self._better_orders()
        self.progress("done", 1.0)
        return self.best

    def _better_orders(self) -> None:
        """Search better orders of steps; of one pool, for where there are several, other bytes count."""
        assert self.best is not None
        pools = self.flow.table.problem.pools
        self.progress("order of steps", 0.95)
        if len(pools) > 1:
            return
        graph = step_graph(self.flow, pools[0].alignment)
        first, self.left = self.best, ORDERS_PLACEMENTS * self.effort
        least = bound(graph, first.steps, int(CUT_ARCS * self.effort))
        for steps in better_orders(graph, first.steps, least, self.effort):
            if self.left <= 0 or self.best.pool_bytes[0] <= least:
                break
            if self._may_win(steps):
                self.attempt(steps, ORDER_PLACEMENTS)
        if self.best is not first and self.best.pool_bytes[0] > least:
            self.attempt(self.best.steps, LAST_PLACEMENTS, LAST_TRIES)

    def attempt(self, steps: Sequence[int], placements: int, most: int = MAX_TRIES) -> Plan:
        """Pack a schedule; keep it where it is the smallest, and of equal ones the one with fewer bytes alive."""
        problem = self.flow.table.problem
        packed = pack(self.flow.table, steps, self._tries(placements, most))
        if self.best is None:
            self.best = packed
            return packed
        found, known = cost(problem, packed), cost(problem, self.best)
        if found < known or (found == known and self._live(packed.steps) < self._live(self.best.steps)):
            self.best = packed
        return packed

    def _live(self, steps: Sequence[int]) -> int:
        """Most bytes alive at once."""
        return live_bound(lifetimes(self.flow.table, steps))

    def _tries(self, placements: int, most: int = MAX_TRIES) -> int:
        """Placements of one schedule; takes their lines from what is left."""
        lines = max(1, self.flow.table.lines)
        tries = min(max(int(placements * self.effort) // lines, 3), most)
        self.left -= tries * lines
        return tries

    def _may_win(self, steps: Sequence[int]) -> bool:
        """Whether no more bytes are alive at once than the best plan takes: else packing is in vain."""
        if self.best is None or len(self.flow.table.problem.pools) > 1:
            return True
        return self._live(steps) <= self.best.pool_bytes[0]

    def _search_cuts(self, segments: Segments, start: float, share: float) -> None:
        """From the cuts with the fewest live bytes, change one cut at a time while the packed arena shrinks."""
        cuts = best_cuts(segments, lambda done: self.progress("cuts", start + share * 0.4 * done))
        tried = {cuts}
        size = sum(self.attempt(segments.join(cuts), QUICK_PLACEMENTS).pool_bytes)
        improved = True
        while improved:
            improved = False
            for neighbour in self._promising(segments, cuts, tried, size):
                if self.left <= 0:
                    return
                tried.add(neighbour)
                packed = sum(self.attempt(segments.join(neighbour), QUICK_PLACEMENTS).pool_bytes)
                left = max(self.left, 0) / (SEARCH_PLACEMENTS * self.effort)
                self.progress("cuts", start + share * (1 - 0.6 * left))
                if packed < size:
                    cuts, size, improved = neighbour, packed, True
                    break

    def _promising(
        self, segments: Segments, cuts: tuple[int, ...], tried: set[tuple[int, ...]], size: int
    ) -> list[tuple[int, ...]]:
        """Neighbours of ``cuts`` whose live bytes leave room to be packed below ``size``, best first."""
        judged = []
        for neighbour in _neighbours(cuts, len(segments.order)):
            if neighbour in tried or any(segments.boundary[cut] >= size for cut in neighbour):
                continue
            peak = segments.peak(neighbour)
            if peak < size:
                judged.append((peak, neighbour))
        return [neighbour for _, neighbour in sorted(judged)]


def _neighbours(cuts: tuple[int, ...], count: int) -> Iterator[tuple[int, ...]]:
    """Cut lists that differ in one cut: left out, moved by one or two operators, or added."""
    for cut in cuts:
        others = [other for other in cuts if other != cut]
        yield tuple(others)
        for moved in (cut - 2, cut - 1, cut + 1, cut + 2):
            if 0 < moved < count and moved not in cuts:
                yield tuple(sorted([*others, moved]))
    for cut in range(1, count):
        if cut not in cuts:
            yield tuple(sorted([*cuts, cut]))
