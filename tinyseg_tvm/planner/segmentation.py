"""Where to cut a network into cascades that run one after the other.

A *segment* is a run of operators of a topological order; its steps are interleaved. A tensor that crosses a cut is
complete there, and its lines are released as later segments consume them. One segment of everything is the purest
form of streaming; segments of one operator are layer-by-layer execution. The best cuts are found exactly (for the
given topological order and the orders of steps in cascade.py) by dynamic programming on the largest number of live
bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from tinyseg_tvm.planner.cascade import Flow, demand, frontier, layer_by_layer
from tinyseg_tvm.planner.liveness import lifetimes, live_profile


@dataclass(frozen=True)
class Segment:
    """Operators ``order[begin:end]``, their steps in order, and the most bytes alive while they run."""

    begin: int
    end: int
    steps: tuple[int, ...]
    peak: int


class Segments:
    """Segments of one topological order, judged once each. ``quick``: by one order of steps (eager) only."""

    def __init__(self, flow: Flow, order: Sequence[int], *, quick: bool = False) -> None:
        self.flow = flow
        self.quick = quick
        self.order = tuple(order)
        self.known: dict[tuple[int, int], Segment] = {}
        self.boundary = self._boundaries()

    def _boundaries(self) -> list[int]:
        """Bytes alive at each cut (position of the order)."""
        table = self.flow.table
        life = lifetimes(table, layer_by_layer(self.flow, self.order))
        steps = [self.flow.first[number + 1] - self.flow.first[number] for number in self.order]
        last_slots = np.cumsum([0, *steps]).tolist()
        return [int(table.line_bytes[(life.birth <= slot) & (life.end > slot + 1)].sum()) for slot in last_slots]

    def of(self, begin: int, end: int, enough: int = 0) -> Segment:
        """The best order of steps found for a segment; stops looking at a peak of ``enough`` bytes."""
        known = self.known.get((begin, end))
        if known is not None:
            return known
        members, before = self.order[begin:end], self.order[:begin]
        best: Segment | None = None
        for schedule in self._schedules(members, before):
            steps = schedule()
            peak = self._peak(begin, end, steps)
            if best is None or peak < best.peak:
                best = Segment(begin, end, tuple(steps), peak)
            if best.peak <= enough:
                return best  # not remembered: the other orders may be better
        assert best is not None
        self.known[begin, end] = best
        return best

    def _schedules(self, members: Sequence[int], before: Sequence[int]) -> list[Callable[[], list[int]]]:
        if len(members) == 1:
            return [partial(layer_by_layer, self.flow, members)]
        if self.quick:
            return [partial(demand, self.flow, members, before, eager=True)]
        return [
            partial(demand, self.flow, members),
            partial(demand, self.flow, members, before, eager=True),
            partial(frontier, self.flow, members),
        ]

    def _peak(self, begin: int, end: int, steps: list[int]) -> int:
        ahead = layer_by_layer(self.flow, self.order[:begin])
        behind = layer_by_layer(self.flow, self.order[end:])
        profile = live_profile(lifetimes(self.flow.table, ahead + steps + behind))
        slots = slice(len(ahead) + 1 - (begin == 0), len(ahead) + len(steps) + 1 + (end == len(self.order)))
        return int(profile[slots].max())

    def join(self, cuts: Sequence[int]) -> list[int]:
        """Steps of the whole network when it is cut at positions ``cuts`` of the order."""
        steps: list[int] = []
        for begin, end in pairwise([0, *sorted(cuts), len(self.order)]):
            steps += self.of(begin, end).steps
        return steps

    def peak(self, cuts: Sequence[int]) -> int:
        """Most bytes alive when the network is cut at ``cuts``."""
        return max(self.of(begin, end).peak for begin, end in pairwise([0, *sorted(cuts), len(self.order)]))


def best_cuts(
    segments: Segments, visiting: Callable[[float], None] | None = None, start: Sequence[int] = ()
) -> tuple[int, ...]:
    """The cuts with the smallest largest peak, and among those the fewest cuts.

    Positions are visited by the best peak that reaches them; segments that cannot improve anything known are never
    judged. Good cuts to ``start`` from make that quick. ``visiting``: called with the share of positions visited.
    """
    count = len(segments.order)
    best: dict[int, tuple[int, int]] = {0: (0, 0)}
    previous = {}
    for cuts, (begin, end) in enumerate(pairwise([0, *sorted(start), count])):
        best[end] = (max(best[begin][0], segments.of(begin, end).peak), cuts + (end < count))
        previous[end] = begin
    open_positions = {0, *start}
    visited = 0
    while open_positions:
        here = min(open_positions, key=lambda position: (best[position], position))
        open_positions.remove(here)
        visited += 1
        if visiting:
            visiting(visited / count)
        so_far, cuts = best[here]
        if so_far >= best[count][0]:
            break
        for there in range(here + 1, count + 1):
            least = max(so_far, segments.boundary[there])
            if least > best[count][0] or (there in best and (least, cuts + 1) >= best[there]):
                continue
            peak = max(so_far, segments.of(here, there, so_far).peak)
            reached = (peak, cuts + (there < count))
            if there not in best or reached < best[there]:
                best[there] = reached
                previous[there] = here
                if there < count:
                    open_positions.add(there)
    chain = [count]
    while chain[-1]:
        chain.append(previous[chain[-1]])
    return tuple(sorted(chain[1:-1]))
