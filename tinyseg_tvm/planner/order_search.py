"""The order of steps with the fewest live bytes at once: best-first search over sets of finished steps.

A set's *level* is the most bytes alive on the way to it. Sets are visited by ascending level, larger ones first, so the
first that holds all steps has the least. One rule keeps them few: a ready step that raises neither the live bytes nor
the level is taken at once, and nothing else is tried in its place. It loses nothing. Bytes of a line are alive where
its writer is in the set and not all of its readers are; that is a submodular function of the set, and so is a sum of
such. A step that adds nothing to a set therefore adds nothing to a larger one: whatever order reaches the end from
here, moving the step to its front lowers what is alive between its other steps, or leaves it.

*In-place writes* change nothing between steps, only what is alive during one: they save a line where the step is its
last reader. Moving another step to the front makes that true more often, never less, so the rule stands. (A step that
writes several lines over several others might be paired worse where more of them are free; what is found then is still
an order, but not proven to be the best.)
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.planner import native
from tinyseg_tvm.planner.cascade import Order
from tinyseg_tvm.planner.step_graph import StepGraph

MOST_STEPS = 0xFFFF  # of an operator, in the native search


class Outcome(enum.IntEnum):
    """How a search ended; numbered as in the native twin."""

    FOUND = 0
    EXHAUSTED = 1
    GIVEN_UP = 2


@dataclass(frozen=True, eq=False)
class Searched:
    """What a search found out.

    Attributes:
        steps: operator of each step, where an order was found.
        level: most bytes alive in it, or the floor if that is more; where none was found, no order has less.
        sets: that were looked at.
    """

    outcome: Outcome
    steps: Order | None
    level: int
    sets: int


Done = tuple[int, ...]


@dataclass(frozen=True)
class Span:
    """What a search orders: the steps between two sets, each a number of finished steps per operator.

    Attributes:
        begin, goal: the sets; the first is part of the second.
        live: bytes alive in the first.
    """

    begin: Done
    goal: Done
    live: int

    @staticmethod
    def of(graph: StepGraph) -> Span:
        """All steps."""
        return Span((0,) * graph.operators, tuple(graph.totals), graph.start)


def search_order(
    graph: StepGraph, span: Span, floor: int, upper: int, limit: int, *, compiled: bool = True
) -> Searched:
    """An order of the steps of a span with the smallest peak.

    Args:
        graph: of all steps.
        span: which to order.
        floor: bytes; levels below are all as good.
        upper: bytes that the order may have alive at once.
        limit: sets that may be looked at.
        compiled: in C where the host has a compiler, which does not change the result.
    """
    if floor > upper:
        return Searched(Outcome.EXHAUSTED, None, upper + 1, 0)
    library = native.load() if compiled else None
    if library is None or max(graph.totals, default=0) > MOST_STEPS:
        return _Search(graph, span).run(floor, upper, limit)
    reached, sets = np.array([floor], dtype=np.int64), np.zeros(1, dtype=np.int32)
    ends = [np.array(done, dtype=np.int32) for done in (span.begin, span.goal)]
    order = np.empty(int(ends[1].sum() - ends[0].sum()), dtype=np.int32)
    outcome = library.order(graph.native_arrays, *ends, span.live, upper, limit, reached, sets, order)
    if outcome < 0:
        raise MemoryError("the search for orders of steps found no memory")
    found = order if outcome == Outcome.FOUND else None
    return Searched(Outcome(outcome), found, int(reached[0]), int(sets[0]))


class _Search:
    """Sets reached so far."""

    def __init__(self, graph: StepGraph, span: Span) -> None:
        self.graph, self.span = graph, span
        self.levels: dict[Done, int] = {}
        self.paths: dict[Done, tuple[Done | None, list[int]]] = {}
        self.heap: list[tuple[int, int, int, Done, int]] = []
        self.turns = 0

    def run(self, level: int, upper: int, limit: int) -> Searched:
        graph, sets = self.graph, 0
        self._reach(None, list(self.span.begin), self.span.live, level, [])
        while self.heap:
            level, _, _, done, live = heapq.heappop(self.heap)
            if self.levels[done] < level:
                continue
            if done == self.span.goal:
                return Searched(Outcome.FOUND, self._retrace(done), level, sets)
            if sets == limit:
                return Searched(Outcome.GIVEN_UP, None, level, sets)
            sets += 1
            for number in range(graph.operators):
                if not self._is_ready(done, number):
                    continue
                reached = max(level, live + graph.above(done, number))
                if reached <= upper:
                    after = list(done)
                    after[number] += 1
                    self._reach(done, after, live + graph.growth(done, number), reached, [number])
        return Searched(Outcome.EXHAUSTED, None, upper + 1, sets)

    def _is_ready(self, done: Sequence[int], number: int) -> bool:
        """Whether an operator's next step belongs to the span and can run."""
        return done[number] < self.span.goal[number] and self.graph.is_ready(done, number)

    def _reach(self, before: Done | None, done: list[int], live: int, level: int, path: list[int]) -> None:
        """Note a set, after the steps that raise nothing, unless it was reached on no higher level."""
        live = self._settle(done, live, level, path)
        here = tuple(done)
        if self.levels.get(here, level + 1) > level:
            self.levels[here] = level
            self.paths[here] = before, path
            heapq.heappush(self.heap, (level, -sum(here), self.turns, here, live))
            self.turns += 1

    def _settle(self, done: list[int], live: int, level: int, path: list[int]) -> int:
        """Run every ready step that raises neither the live bytes nor the level, until there is none."""
        graph, changed = self.graph, True
        while changed:
            changed = False
            for number in reversed(range(graph.operators)):
                while self._is_ready(done, number):
                    growth = graph.growth(done, number)
                    if growth > 0 or live + graph.above(done, number) > level:
                        break
                    path.append(number)
                    done[number] += 1
                    live += growth
                    changed = True
        return live

    def _retrace(self, done: Done) -> Order:
        """The steps that led to a set."""
        parts: list[list[int]] = []
        at: Done | None = done
        while at is not None:
            at, path = self.paths[at]
            parts.append(path)
        return np.array([number for path in reversed(parts) for number in path], dtype=np.int32)
