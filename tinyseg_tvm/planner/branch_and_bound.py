"""Exact packing of a few hundred rectangles into a given height, by branch and bound.

After Moffitt, "MiniMalloc: A Lightweight Memory Allocator for Hardware-Accelerated Machine Learning" (ASPLOS 2023):
rectangles are placed from the ground up, addresses rising in the order of placement, each as low as that and what
lies below allow; time is divided into *sections* between which nothing starts or ends, and a branch
dies as soon as in some section the lowest address that anything can still take, and all that is still to come,
exceed the height; what no longer shares a section is solved apart, the fullest part first.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.planner.step_table import Ints

_FAR = 1 << 40
FIXED_SEARCH = 1_500  # placements tried with each fixed order in the first round; twice as many in the next
FIXED_ORDERS = 8  # random ones, tried in each round
DYNAMIC_SEARCH = 3_000  # placements tried with each of MiniMalloc's orders in the first round; 16 times in the next

Floats = npt.NDArray[np.float64]
Order = Callable[["_Search", Ints], Ints]


class OutOfNodes(Exception):  # noqa: N818 - a limit, not an error
    """The search was given up."""


def fit(rectangles: Ints, height: int, nodes: int = 150_000) -> Ints | None:
    """Addresses of rectangles below ``height``.

    Searches with different orders of preference follow each other, each round longer than the one before, since one
    order often goes straight to a solution that another takes an age to reach. The sequence is deterministic.

    Args:
        rectangles: rows (size, begin, end): bytes, and times [begin, end).
        height: bytes.
        nodes: placements tried before the search is given up.

    Returns:
        Addresses; None where there is no solution, or none was found.
    """
    left = nodes
    for order, dynamic, limit in _attempts(len(rectangles)):
        if left <= 0:
            return None
        search = _Search(rectangles, height, min(left, limit), order, dynamic)
        left -= search.nodes
        try:
            return search.address if search.pack() else None
        except OutOfNodes:
            continue
    return None


def _attempts(count: int) -> Iterator[tuple[Order, bool, int]]:
    """Orders of preference, whether parts are ranked anew, and the placements to try with each, without end."""
    chance = np.random.default_rng(0)
    yield _by_load_and_duration, False, FIXED_SEARCH
    for turn in itertools.count():
        for attempt in range(FIXED_ORDERS):
            noise = 0.5 * chance.random() * chance.standard_normal(count) * (attempt % 2)
            yield _weighed(chance.random(3), noise), False, FIXED_SEARCH * 2**turn
        for order in (_by_load_and_duration, _by_duration, _by_load_and_area):
            yield order, True, DYNAMIC_SEARCH * 16**turn


def _by_duration(search: _Search, part: Ints) -> Ints:
    return np.lexsort((-search.fullest(part), -search.area[part], -search.duration[part]))


def _by_load_and_area(search: _Search, part: Ints) -> Ints:
    return np.lexsort((-search.duration[part], -search.area[part], -search.fullest(part)))


def _by_load_and_duration(search: _Search, part: Ints) -> Ints:
    return np.lexsort((-search.area[part], -search.duration[part], -search.fullest(part)))


def _weighed(weight: Floats, noise: Floats) -> Order:
    """Duration, size and load of the whole problem, weighed against each other; parts keep the order."""

    def order(search: _Search, part: Ints) -> Ints:
        score = weight[0] * np.log(search.duration[part]) + weight[1] * np.log(search.size[part])
        score += 3 * weight[2] * np.log(search.crowd[part]) + noise[part]
        return np.argsort(-score, kind="stable")

    return order


class _Search:
    """One depth-first search; ``order`` decides among rectangles that can lie equally low."""

    def __init__(self, rectangles: Ints, height: int, nodes: int, order: Order, dynamic: bool) -> None:
        size, birth, end = rectangles.T
        times = np.unique(rectangles[:, 1:])
        self.size, self.height, self.nodes, self.order = size, height, nodes, order
        self.dynamic = dynamic
        self.begin, self.end = np.searchsorted(times, birth), np.searchsorted(times, end)
        sections = np.arange(len(times) - 1)
        self.covers = (self.begin[:, None] <= sections) & (sections < self.end[:, None])
        self.floor = np.zeros(len(sections), dtype=np.int64)
        self.load = (self.covers * size[:, None]).sum(axis=0)
        self.address = np.full(len(size), -1, dtype=np.int64)
        self.duration = end - birth
        self.area = size * self.duration
        self.crowd = self.fullest(np.arange(len(size)))

    def fullest(self, part: Ints) -> Ints:
        """Bytes still to be placed in the fullest section of each rectangle."""
        fullest: Ints = np.where(self.covers[part], self.load, 0).max(axis=1)
        return fullest

    def pack(self) -> bool:
        """Place everything. False: impossible."""
        everything = np.arange(len(self.size))
        return self._solve(everything[self.order(self, everything)], -1, 0, True)

    def _solve(self, left: Ints, low: int, rank: int, changed: bool) -> bool:
        """Solve parts that share no section, fullest first; where ``changed`` and the order is dynamic, ranked anew."""
        if not len(left):
            return True
        at = np.argsort(self.begin[left], kind="stable")
        begin, end = self.begin[left[at]], self.end[left[at]]
        breaks = np.flatnonzero(begin[1:] >= np.maximum.accumulate(end)[:-1]) + 1
        parts = [np.sort(part) for part in np.split(at, breaks)]
        if self.dynamic and (changed or len(parts) > 1):
            groups = [np.sort(left[part]) for part in parts]
            chosen = [(group[self.order(self, group)], -1, 0) for group in groups]
        else:
            chosen = [(left[part], low, int(np.searchsorted(part, rank))) for part in parts]
        chosen.sort(key=lambda one: -int(self.load[self.begin[one[0]].min() : self.end[one[0]].max()].max()))
        return all(self._place(*one) for one in chosen)

    def _place(self, left: Ints, low: int, rank: int) -> bool:
        """Place ``left``, preferred first, at ``low`` or above (at ``low`` only from index ``rank`` on)."""
        first, last = int(self.begin[left].min()), int(self.end[left].max())
        covers = self.covers[left, first:last]
        floor, load = self.floor[first:last], self.load[first:last]
        size = self.size[left]
        lowest = np.where(covers, floor, 0).max(axis=1)
        np.maximum(lowest, low, out=lowest)
        passed = lowest == low
        passed[rank:] = False
        lowest[passed] += 1
        tops = lowest + size
        beneath = int(tops.min())
        if tops.max() > self.height:
            return False
        reachable = np.where(covers, lowest[:, None], _FAR).min(axis=0)
        if (np.where(load > 0, np.maximum(floor, reachable) + load, 0) > self.height).any():
            return False
        order = np.argsort(lowest, kind="stable")
        before = floor.copy(), load.copy()
        for at in order[~passed[order]].tolist():
            address = int(lowest[at])
            if address >= beneath:
                break
            block = int(left[at])
            self.nodes -= 1
            if self.nodes < 0:
                raise OutOfNodes
            sections = slice(int(self.begin[block]), int(self.end[block]))
            self.floor[sections] = tops[at]
            self.load[sections] -= size[at]
            self.address[block] = address
            rest = np.delete(left, at)
            changed = len(rest) > 0 and (self.begin[rest].min() > first or self.end[rest].max() < last)
            if self._solve(rest, address, at, bool(changed)):
                return True
            floor[:], load[:] = before  # also of parts that were solved before another one failed
            if (self.load[sections] == size[at]).all():
                return False  # nothing comes above it: no other place for it helps the rest
        return False
