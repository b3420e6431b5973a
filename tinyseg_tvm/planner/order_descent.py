"""Better orders of steps from a known one, peak by peak.

The order in which most bytes are alive is mended around its highest peak: the steps of a window are ordered anew by
search (order_search.py), between the two sets that the order passes at the window's ends. What is outside stays as it
is, in contrast to a search over all steps, which cares for nothing but the peak and leaves much alive everywhere: such
orders pack badly. Windows grow until one helps; a peak that none lowers stays, and the next is looked at. Lower peaks
than the highest count as well, for it is they that packing has no room beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tinyseg_tvm.planner.order_search import Outcome, Span, search_order
from tinyseg_tvm.planner.step_graph import StepGraph, profile

WINDOWS = ((12, 24, 48, 96), (8, 16, 32, 64, 128), (6, 18, 54, 162))  # steps on each side of a peak; several descents
WINDOW_SETS = 400  # looked at in one window
CALL_SETS = 20  # a search costs as much beside the sets that it looks at
SHARES = (0.95, 0.9, 0.8)  # of the highest peak: lower ones are left alone
SETS = 1_000_000  # looked at in all windows of a descent, times operators
WHOLE_SETS = 300_000  # likewise, in one search over all steps


class Descent:
    """An order whose peaks are lowered."""

    def __init__(self, graph: StepGraph, steps: Sequence[int], *, compiled: bool = True) -> None:
        self.graph, self.compiled = graph, compiled
        self.steps = np.array(steps, dtype=np.int32)
        known = profile(graph, self.steps.tolist())
        self.peaks, self.live = known.peaks, known.live

    @property
    def peak(self) -> int:
        """Most bytes alive."""
        return max(self.graph.at_start, int(self.peaks.max(initial=0)))

    def run(self, share: float, work: float, windows: Sequence[int]) -> float:
        """Lower what is above a share of the highest peak.

        Args:
            share: of the highest peak.
            work: sets times operators that may be looked at.
            windows: steps on each side of a peak, ascending.

        Returns:
            What is left of the work.
        """
        kept = np.zeros(len(self.steps), dtype=np.bool_)
        while work > 0 and not kept.all():
            at = int(np.where(kept, -1, self.peaks).argmax())
            if self.peaks[at] < share * self.peak:
                break
            found, sets = self._lower(at, windows)
            work -= sets * self.graph.operators
            if found is None:
                kept[at] = True
            else:
                kept[found] = False
        return work

    def _lower(self, at: int, windows: Sequence[int]) -> tuple[slice | None, int]:
        """Order a window around a step anew, if that lowers its peak; where, and sets looked at."""
        sets = 0
        for reach in windows:
            begin, stop = self._window(at, reach)
            done = np.bincount(self.steps[:begin], minlength=self.graph.operators)
            goal = done + np.bincount(self.steps[begin:stop], minlength=self.graph.operators)
            span = Span(tuple(done.tolist()), tuple(goal.tolist()), int(self.live[begin]))
            floor = int(max(self.live[begin], self.live[stop]))
            upper = int(self.peaks[at]) - 1
            found = search_order(self.graph, span, floor, upper, WINDOW_SETS, compiled=self.compiled)
            sets += found.sets + CALL_SETS
            if found.outcome is Outcome.FOUND and found.steps is not None:
                known = profile(self.graph, found.steps.tolist(), span.begin, span.live)
                self.steps[begin:stop] = found.steps
                self.peaks[begin:stop], self.live[begin : stop + 1] = known.peaks, known.live
                return slice(begin, stop), sets
            if begin == 0 and stop == len(self.steps):
                break
        return None, sets

    def _window(self, at: int, reach: int) -> tuple[int, int]:
        """Steps around one: half to all of the reach on each side, where the fewest bytes are alive."""
        first, last = max(0, at - reach), min(len(self.steps), at + 1 + reach)
        near, far = max(first, at - reach // 2), min(last, at + 1 + reach // 2)
        begin = near - int(self.live[first : near + 1][::-1].argmin())
        return begin, far + int(self.live[far : last + 1].argmin())


def better_orders(
    graph: StepGraph, steps: Sequence[int], least: int, effort: float = 1.0, *, compiled: bool = True
) -> Iterator[tuple[int, ...]]:
    """Orders that promise a smaller arena than a given one, as they are found.

    Args:
        graph: of the steps, with the alignment of the arena.
        steps: operator number of each step.
        least: bytes that every order has alive at once.
        effort: multiplies the work.
        compiled: in C where the host has a compiler, which does not change the result.
    """
    known = {tuple(steps)}
    lowest = Descent(graph, steps, compiled=compiled)
    for windows in WINDOWS:
        descent = Descent(graph, steps, compiled=compiled)
        yield from _descended(descent, windows, effort, known)
        lowest = min(lowest, descent, key=lambda one: one.peak)
    if lowest.peak > least:
        limit = int(WHOLE_SETS * effort) // graph.operators
        found = search_order(graph, Span.of(graph), least, lowest.peak - 1, limit, compiled=compiled)
        if found.steps is not None:
            yield from _descended(Descent(graph, found.steps.tolist(), compiled=compiled), WINDOWS[0], effort, known)


def _descended(
    descent: Descent, windows: Sequence[int], effort: float, known: set[tuple[int, ...]]
) -> Iterator[tuple[int, ...]]:
    """An order with ever more of its peaks lowered, where it is not known."""
    work = SETS * effort
    for share in SHARES:
        work = descent.run(share, work, windows)
        steps = tuple(descent.steps.tolist())
        if steps not in known:
            known.add(steps)
            yield steps
