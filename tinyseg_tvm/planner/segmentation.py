"""Where to cut a network into cascades that run one after the other.

A *segment* is a run of operators of a topological order; its steps are interleaved. A tensor that crosses a cut is
complete there, and its lines are released as later segments consume them. One segment of everything is the purest
form of streaming; segments of one operator are layer-by-layer execution. The best cuts are found exactly (for the
given topological order and the orders of steps in cascade.py) by dynamic programming on the largest number of live
bytes.

Segments are many, quadratic in operators, so most are left unjudged. Where all that crosses the end of a segment is its
last operator's, operators that join there do not change the order of the steps before: they ask for the lines of that
operator in turn, as a sink does, and at most release them earlier. What is alive of all other tensors, the *settled*
bytes, is therefore a bound for every longer segment, and none is judged whose bound is above what other cuts reach.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.planner import native
from tinyseg_tvm.planner.cascade import Flow, Manner, Order, cascade, layer_by_layer
from tinyseg_tvm.planner.liveness import lifetimes, live_profile
from tinyseg_tvm.planner.step_table import Ints, StepTable


@dataclass(frozen=True)
class Segment:
    """Operators ``order[begin:end]``, the best order found for their steps, and the most bytes alive meanwhile."""

    begin: int
    end: int
    manner: Manner
    peak: int


@dataclass(frozen=True, eq=False)
class OrderedLines:
    """Where in a topological order lines are written and read.

    Attributes:
        order: operators; ``position`` is the inverse.
        written_at: of each global line, the position of its writer; -1 where it is there at the start.
        last_position: of each global line, that of its last reader, or of the writer where nobody reads it.
        alive: bytes alive at each cut (position), whatever the orders of steps on both sides.
        staying: those of them that stay until the end.
    """

    order: npt.NDArray[np.int32]
    position: npt.NDArray[np.int32]
    written_at: Ints
    last_position: Ints
    alive: Ints
    staying: Ints
    at_start: int
    at_end: int

    @staticmethod
    def of(table: StepTable, order: Sequence[int]) -> OrderedLines:
        """Of an order of all operators."""
        count = len(order)
        position = np.empty(count, dtype=np.int32)
        position[list(order)] = np.arange(count)
        at = position[table.step_operator].astype(np.int64)
        written_at = np.where(table.writer < 0, -1, at[table.writer] if table.steps else -1)
        last = written_at.copy()
        np.maximum.at(last, table.read_line, at[table.read_step])
        stays, size = table.resident_output, table.line_bytes

        def at_cuts(chosen: npt.NDArray[np.bool_], ends: Ints) -> Ints:
            change = np.bincount(written_at[chosen] + 1, size[chosen], count + 2)
            change -= np.bincount(ends[chosen] + 1, size[chosen], count + 2)
            return np.cumsum(change)[: count + 1].astype(np.int64)

        ends = np.where(stays, count, last)
        everything = np.ones(len(size), dtype=np.bool_)
        return OrderedLines(
            np.array(order, dtype=np.int32),
            position,
            written_at,
            last,
            at_cuts(everything, ends),
            at_cuts(stays, ends),
            int(size[table.writer < 0].sum()),
            int(size[stays].sum()),
        )

    @cached_property
    def read_until(self) -> Ints:
        """Of each position, the last one that reads what is written there."""
        found = np.full(len(self.order), -1, dtype=np.int64)
        made = self.written_at >= 0
        np.maximum.at(found, self.written_at[made], self.last_position[made])
        return found

    @cached_property
    def native_arrays(self) -> native.OrderedArrays:
        """Pointers to the arrays."""
        names = ("order", "position", "written_at", "last_position", "alive", "staying")
        return native.OrderedArrays(*(getattr(self, name).ctypes.data for name in names), self.at_start, self.at_end)


class Segments:
    """Segments of one topological order, judged once each.

    ``quick``: by one order of steps (eager) only. ``compiled``: in C where the host has a compiler, which does not
    change the result.
    """

    def __init__(self, flow: Flow, order: Sequence[int], *, quick: bool = False, compiled: bool = True) -> None:
        self.flow = flow
        self.manners = (Manner.EAGER,) if quick else tuple(Manner)
        self.compiled = compiled
        self.library = native.load() if compiled else None
        self.order = tuple(order)
        self.lines = OrderedLines.of(flow.table, self.order)
        self.peaks: dict[tuple[int, int, Manner], int] = {}
        self.settled: dict[tuple[int, Manner], tuple[int, int]] = {}  # by begin: a bound, and its first end
        self.boundary = self._boundaries()

    def _boundaries(self) -> list[int]:
        """Bytes alive at each cut (position of the order) that in-place writes do not save."""
        table = self.flow.table
        life = lifetimes(table, layer_by_layer(self.flow, self.order))
        steps = [self.flow.first[number + 1] - self.flow.first[number] for number in self.order]
        last_slots = np.cumsum([0, *steps])
        lasting = life.end - 1 > life.birth
        change = np.bincount(life.birth[lasting], table.line_bytes[lasting], life.slots + 1)
        change -= np.bincount(life.end[lasting] - 1, table.line_bytes[lasting], life.slots + 1)
        return [int(alive) for alive in np.cumsum(change)[last_slots]]

    def of(self, begin: int, end: int, enough: int = 0) -> Segment:
        """A segment with the best order of steps; stops looking at a peak of ``enough`` bytes."""
        found = self.within(begin, end, None, enough)
        assert found is not None
        return found

    def within(self, begin: int, end: int, limit: int | None, enough: int = 0) -> Segment | None:
        """The same; None where shorter segments show that its peak is above ``limit`` bytes."""
        best: Segment | None = None
        for manner in self.manners if end - begin > 1 else (Manner.DEMAND,):
            peak = self.peaks.get((begin, end, manner))
            if peak is None:
                if limit is not None and self._least(begin, end, manner) > limit:
                    continue
                peak = self._judged(begin, end, manner)
            if best is None or peak < best.peak:
                best = Segment(begin, end, manner, peak)
            if best.peak <= enough:
                break
        return best

    def steps(self, segment: Segment) -> Order:
        """The steps of a segment in order."""
        members, before = self.order[segment.begin : segment.end], self.order[: segment.begin]
        return cascade(self.flow, segment.manner, members, before, compiled=self.compiled)

    def _least(self, begin: int, end: int, manner: Manner) -> int:
        """Bytes that a segment takes at least, by what is known of shorter ones."""
        settled, since = self.settled.get((begin, manner), (0, end))
        return settled if since <= end else 0

    def _judged(self, begin: int, end: int, manner: Manner) -> int:
        """The peak of a segment; remembered, with what it tells of longer ones."""
        peak, settled = self._peak(begin, end, manner)
        self.peaks[begin, end, manner] = peak
        if self.lines.read_until[begin : end - 1].max(initial=-1) < end:
            for each in (manner,) if end - begin > 1 else self.manners:
                known, since = self.settled.get((begin, each), (0, begin))
                if since <= end:
                    self.settled[begin, each] = max(known, settled), end
        return peak

    def _peak(self, begin: int, end: int, manner: Manner) -> tuple[int, int]:
        """The most bytes alive in a segment, and of those that are settled."""
        table = self.flow.table
        if self.library is not None:
            settled = ctypes.c_int64()
            arrays = self.flow.native_arrays, table.native_arrays, self.lines.native_arrays
            peak = self.library.segment_peak(*arrays, manner, begin, end, settled)
            if peak < 0:
                raise MemoryError("judging a segment found no memory")
            return peak, settled.value
        steps = self.steps(Segment(begin, end, manner, 0)).tolist()
        ahead = layer_by_layer(self.flow, self.order[:begin])
        behind = layer_by_layer(self.flow, self.order[end:])
        life = lifetimes(table, [*ahead, *steps, *behind])
        first = len(ahead) + 1 - (begin == 0)
        stop = len(ahead) + len(steps) + 1
        everything = live_profile(life)
        crossing = (self.lines.last_position >= end) & ~table.resident_output
        change = np.bincount(life.birth[crossing], table.line_bytes[crossing], life.slots + 1)
        change -= np.bincount(life.end[crossing], table.line_bytes[crossing], life.slots + 1)
        fixed = everything - np.cumsum(change[:-1]).astype(np.int64)
        settled_peak = max(int(fixed[len(ahead) + 1 : stop].max(initial=0)), self.lines.at_start if begin == 0 else 0)
        return int(everything[first : stop + (end == len(self.order))].max()), settled_peak

    def join(self, cuts: Sequence[int]) -> list[int]:
        """Steps of the whole network when it is cut at positions ``cuts`` of the order."""
        steps: list[int] = []
        for begin, end in pairwise([0, *sorted(cuts), len(self.order)]):
            steps += self.steps(self.of(begin, end)).tolist()
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
    limit = min(best[count][0], segments.peak(range(1, count)))
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
            if least > limit or (there in best and (least, cuts + 1) >= best[there]):
                continue
            found = segments.within(here, there, limit, so_far)
            if found is None:
                break
            reached = (max(so_far, found.peak), cuts + (there < count))
            if reached[0] <= limit and (there not in best or reached < best[there]):
                best[there] = reached
                previous[there] = here
                limit = min(limit, best[count][0])
                if there < count:
                    open_positions.add(there)
    chain = [count]
    while chain[-1]:
        chain.append(previous[chain[-1]])
    return tuple(sorted(chain[1:-1]))
