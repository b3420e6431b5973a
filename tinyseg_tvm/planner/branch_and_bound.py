"""Exact packing of a few hundred rectangles into a given height, by branch and bound.

After Moffitt, "MiniMalloc: A Lightweight Memory Allocator for Hardware-Accelerated Machine Learning" (ASPLOS 2023):
rectangles are placed from the ground up, addresses rising in the order of placement, each as low as that and what
lies below allow; time is divided into *sections* between which nothing starts or ends, and a branch
dies as soon as in some section the lowest address that anything can still take, and all that is still to come,
exceed the height; what no longer shares a section is solved apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyseg_tvm.planner.step_table import Ints

_FAR = 1 << 40
SHORT_SEARCH = 1_500  # placements tried with one order of preference


class OutOfNodes(Exception):  # noqa: N818 - a limit, not an error
    """The search was given up."""


def fit(rectangles: Ints, height: int, nodes: int = 150_000) -> Ints | None:
    """Addresses of rectangles below ``height``.

    Short searches with different orders of preference follow each other, since one of them often goes straight to a
    solution that another takes an age to reach. The sequence is deterministic.

    Args:
        rectangles: rows (size, begin, end): bytes, and times [begin, end).
        height: bytes.
        nodes: placements tried before the search is given up.

    Returns:
        Addresses; None where there is no solution, or none was found.
    """
    chance = np.random.default_rng(0)
    left = nodes
    attempt = 0
    while left > 0:
        search = _Search(rectangles, height, min(left, SHORT_SEARCH))
        search.prefer(attempt, chance)
        left -= search.nodes
        attempt += 1
        try:
            return search.address if search.solve(np.arange(len(rectangles)), -1, -1) else None
        except OutOfNodes:
            continue
    return None


class _Search:
    """One depth-first search with a fixed order of preference among rectangles that can lie equally low."""

    def __init__(self, rectangles: Ints, height: int, nodes: int) -> None:
        size, birth, end = rectangles.T
        times = np.unique(rectangles[:, 1:])
        self.size, self.height, self.nodes = size, height, nodes
        self.begin, self.end = np.searchsorted(times, birth), np.searchsorted(times, end)
        sections = np.arange(len(times) - 1)
        self.covers = (self.begin[:, None] <= sections) & (sections < self.end[:, None])
        self.floor = np.zeros(len(sections), dtype=np.int64)
        self.load = (self.covers * size[:, None]).sum(axis=0)
        self.address = np.full(len(size), -1, dtype=np.int64)
        self.rank = np.arange(len(size))
        self.duration = end - birth

    def prefer(self, attempt: int, chance: np.random.Generator) -> None:
        """Rank rectangles by the load of their fullest section, size and duration, weighed differently each time."""
        fullest = np.where(self.covers, self.load, 0).max(axis=1)
        if attempt == 0:
            order = np.lexsort((-(self.size * self.duration), -self.duration, -fullest))
        else:
            weight = chance.random(4)
            score = weight[0] * np.log(self.duration) + weight[1] * np.log(self.size) + 3 * weight[2] * np.log(fullest)
            if attempt % 2:
                score += 0.5 * weight[3] * chance.standard_normal(len(score))
            order = np.argsort(-score, kind="stable")
        self.rank[order] = np.arange(len(order))

    def solve(self, left: Ints, low: int, rank: int) -> bool:
        """Place ``left`` at ``low`` or above (at ``low`` only what ranks behind ``rank``). False: impossible."""
        return not len(left) or all(self._place(part, low, rank) for part in self._parts(left))

    def _parts(self, left: Ints) -> Sequence[Ints]:
        """Groups that share no section, hardest first."""
        order = left[np.argsort(self.begin[left], kind="stable")]
        reach = np.maximum.accumulate(self.end[order])
        breaks = np.flatnonzero(self.begin[order][1:] >= reach[:-1]) + 1
        parts = np.split(order, breaks)
        return sorted(parts, key=lambda part: -int(self.load[self.begin[part].min() : self.end[part].max()].max()))

    def _place(self, left: Ints, low: int, rank: int) -> bool:
        first, last = int(self.begin[left].min()), int(self.end[left].max())
        covers = self.covers[left, first:last]
        floor, load = self.floor[first:last], self.load[first:last]
        size = self.size[left]
        lowest = np.where(covers, floor, 0).max(axis=1)
        np.maximum(lowest, low, out=lowest)
        passed = (lowest == low) & (self.rank[left] < rank)
        lowest[passed] += 1
        reachable = np.where(covers, lowest[:, None], _FAR).min(axis=0)
        if (np.where(load > 0, np.maximum(floor, reachable) + load, 0) > self.height).any():
            return False
        tops = lowest + size
        if (tops > self.height).any():
            return False
        order = np.lexsort((self.rank[left], lowest))
        beneath = int(tops.min())
        for at in order[~passed[order]].tolist():
            address = int(lowest[at])
            if address >= beneath:
                break
            block = int(left[at])
            self.nodes -= 1
            if self.nodes < 0:
                raise OutOfNodes
            sections = slice(int(self.begin[block]), int(self.end[block]))
            before = self.floor[sections].copy()
            self.floor[sections] = tops[at]
            self.load[sections] -= size[at]
            self.address[block] = address
            if self.solve(np.delete(left, at), address, int(self.rank[block])):
                return True
            self.floor[sections] = before
            self.load[sections] += size[at]
            if (self.load[sections] == size[at]).all():
                return False  # nothing comes above it: no other place for it helps the rest
        return False
