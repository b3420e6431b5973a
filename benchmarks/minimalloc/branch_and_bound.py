"""Exact packing of a few hundred rectangles into a given height, by branch and bound with restarts.

After Moffitt, "MiniMalloc: A Lightweight Memory Allocator for Hardware-Accelerated Machine Learning" (ASPLOS 2023):
rectangles are placed from the ground up, addresses rising in the order of placement, each as low as that and what
lies below allow; time is divided into *sections* between which nothing starts or ends; what no longer shares a section
is solved apart, the fullest part first. Two things differ. A branch dies as soon as in some section, for some address,
what cannot lie below that address does not fit above it. And a search that takes long is begun anew with another order
of preference, in which those come earlier on which the searches before foundered (Boussemart et al., "Boosting
systematic search by weighting constraints", ECAI 2004).

One search is done in C where the host has a compiler (native.py), else in Python: the same decisions, the same result.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from minimalloc import native
from tinyseg_tvm.planner.step_table import Ints

SEARCH = 300  # placements tried in one search; twice as many
ROUND = 200  # searches later
TOO_HIGH, TOO_FULL = 10, 3  # blame: for one that exceeds the height alone, for each in a section that overflows
FORGET = 100_000  # blame beyond which all is scaled down, so that what is new counts
NATIVE_LIMIT = 1 << 30  # heights below are safe in the 32-bit arithmetic of the native search


class OutOfNodes(Exception):  # noqa: N818 - a limit, not an error
    """The search was given up."""


@dataclass(frozen=True, eq=False)
class Sections:
    """A packing problem over sections.

    Attributes:
        unit: bytes; divides every size.
        size: of each rectangle, in units.
        duration: of each rectangle.
        begin, end: its sections, half-open.
        height: units.
        count: number of sections.
    """

    unit: int
    size: Ints
    duration: Ints
    begin: Ints
    end: Ints
    height: int
    count: int

    def covers(self) -> npt.NDArray[np.bool_]:
        """Whether a rectangle (row) lies in a section (column)."""
        sections = np.arange(self.count)
        covers: npt.NDArray[np.bool_] = (self.begin[:, None] <= sections) & (sections < self.end[:, None])
        return covers

    def load(self) -> Ints:
        """Sizes together in each section."""
        load: Ints = np.where(self.covers(), self.size[:, None], 0).sum(axis=0)
        return load


def sections(rectangles: Ints, height: int) -> Sections:
    """The problem of ``fit`` over sections, in the largest unit that divides every size."""
    rectangles = np.asarray(rectangles, dtype=np.int64)
    size, birth, end = rectangles.T
    unit = int(np.gcd.reduce(size))
    times = np.unique(rectangles[:, 1:])
    at = np.searchsorted(times, birth), np.searchsorted(times, end)
    return Sections(unit, size // unit, end - birth, *at, height // unit, len(times) - 1)


def fit(rectangles: Ints, height: int, nodes: int = 150_000, compiled: bool = True) -> Ints | None:
    """Addresses of rectangles below ``height``. Deterministic.

    Args:
        rectangles: rows (size, begin, end): bytes, and times [begin, end).
        height: bytes.
        nodes: placements tried before the search is given up.
        compiled: use the native search where there is one. It does not change the result.

    Returns:
        Addresses; None where there is no solution, or none was found.
    """
    if not len(rectangles):
        return np.zeros(0, dtype=np.int64)
    problem = sections(rectangles, height)
    if (problem.load() > problem.height).any():
        return None
    search = native.load() if compiled and problem.height < NATIVE_LIMIT else None
    blame = np.zeros(len(rectangles), dtype=np.int64)
    for order, length in _attempts(problem, blame):
        if nodes <= 0:
            return None
        limit = min(length, nodes)
        nodes -= limit
        try:
            if search:
                address = search_natively(search, problem, order, limit, blame)
            else:
                address = search_in_python(problem, order, limit, blame)
        except OutOfNodes:
            continue
        return None if address is None else address * problem.unit
    return None


def _attempts(problem: Sections, blame: Ints) -> Iterator[tuple[Ints, int]]:
    """Orders of preference and how many placements to try with each, without end.

    Duration, size, load of the fullest section and blame are weighed against each other at random, in every other
    order with noise.
    """
    fullest = np.where(problem.covers(), problem.load(), 0).max(axis=1)
    merits = np.log(np.stack([problem.duration, problem.size, fullest]))
    chance = np.random.default_rng(0)
    for attempt in itertools.count():
        weight = chance.random(3) * (1, 1, 3)
        noise = 0.5 * chance.random() * chance.standard_normal(len(blame)) * (attempt % 2)
        score = weight @ merits + noise + (1 + attempt // 2 % 2) * np.log1p(blame / TOO_HIGH)
        yield np.argsort(-score, kind="stable"), SEARCH * 2 ** (attempt // ROUND)
        if blame.max() > FORGET:
            blame //= 100


def search_in_python(problem: Sections, order: Ints, nodes: int, blame: Ints) -> Ints | None:
    """One depth-first search.

    Args:
        problem: with no section fuller than its height.
        order: of all rectangles, those first preferred where several can lie equally low.
        nodes: placements that may be tried.
        blame: of each rectangle; grows for those on which a branch died.

    Returns:
        Addresses in units; None: there are none.

    Raises:
        OutOfNodes: more placements would have to be tried.
    """
    return _Search(problem, nodes, blame).pack(order)


def search_natively(search: Callable[..., int], problem: Sections, order: Ints, nodes: int, blame: Ints) -> Ints | None:
    """One search in C; as ``search_in_python``, also in what it adds to ``blame``."""
    address = np.zeros(len(order), dtype=np.int32)
    left = np.array([nodes], dtype=np.int64)
    size, begin, end = (np.ascontiguousarray(a, dtype=np.int32) for a in (problem.size, problem.begin, problem.end))
    ranked = order.astype(np.int32)
    outcome = search(len(order), problem.count, size, begin, end, problem.height, ranked, left, blame, address)
    if outcome == native.NO_MEMORY:
        raise MemoryError("the packing search found no memory")
    if outcome == native.GIVEN_UP:
        raise OutOfNodes
    return address.astype(np.int64) if outcome == native.PACKED else None


class _Search:
    """State of one depth-first search."""

    def __init__(self, problem: Sections, nodes: int, blame: Ints) -> None:
        self.size, self.begin, self.end, self.height = problem.size, problem.begin, problem.end, problem.height
        self.covers = problem.covers()
        self.floor = np.zeros(problem.count, dtype=np.int64)
        self.load = problem.load()
        self.address = np.full(len(self.size), -1, dtype=np.int64)
        self.nodes, self.blame = nodes, blame

    def pack(self, order: Ints) -> Ints | None:
        """As ``search_in_python``."""
        return self.address if self._solve(order, -1, 0) else None

    def _solve(self, left: Ints, low: int, rank: int) -> bool:
        """Solve parts that share no section, fullest first."""
        if not len(left):
            return True
        at = np.argsort(self.begin[left], kind="stable")
        begin, end = self.begin[left[at]], self.end[left[at]]
        breaks = np.flatnonzero(begin[1:] >= np.maximum.accumulate(end)[:-1]) + 1
        parts = [np.sort(part) for part in np.split(at, breaks)]
        parts.sort(key=lambda part: -self._fullest(left[part]))
        return all(self._place(left[part], low, int(np.searchsorted(part, rank))) for part in parts)

    def _fullest(self, part: Ints) -> int:
        """Load of the part's fullest section."""
        return int(self.load[self.begin[part].min() : self.end[part].max()].max())

    def _place(self, left: Ints, low: int, rank: int) -> bool:
        """Place ``left``, preferred first, at ``low`` or above (at ``low`` only from index ``rank`` on)."""
        first, last = int(self.begin[left].min()), int(self.end[left].max())
        covers = self.covers[left, first:last]
        floor, load = self.floor[first:last], self.load[first:last]
        size = self.size[left]
        lowest = np.maximum(np.where(covers, floor, 0).max(axis=1), low)
        passed = lowest == low
        passed[rank:] = False
        lowest[passed] += 1
        tops = lowest + size
        if tops.max() > self.height:
            self.blame[left[(tops > self.height).argmax()]] += TOO_HIGH
            return False
        rising = np.argsort(lowest, kind="stable")
        if not self._fits_above(left[rising], lowest[rising], covers[rising]):
            return False
        beneath = int(tops.min())
        before = floor.copy(), load.copy()
        for at in rising[~passed[rising]].tolist():
            address = int(lowest[at])
            if address >= beneath:
                break
            if self.nodes == 0:
                raise OutOfNodes
            self.nodes -= 1
            block = int(left[at])
            sections = slice(int(self.begin[block]), int(self.end[block]))
            self.floor[sections] = tops[at]
            self.load[sections] -= size[at]
            self.address[block] = address
            if self._solve(np.delete(left, at), address, at):
                return True
            floor[:], load[:] = before  # also of parts that were solved before another one failed
            if (self.load[sections] == size[at]).all():
                return False  # nothing comes above it: no other place for it helps the rest
        return False

    def _fits_above(self, rising: Ints, lowest: Ints, covers: npt.NDArray[np.bool_]) -> bool:
        """Whether in every section what cannot lie below an address fits above it, for every address."""
        stack = np.cumsum(np.where(covers, self.size[rising][:, None], 0)[::-1], axis=0)[::-1]
        over: npt.NDArray[np.bool_] = covers & (stack > self.height - lowest[:, None])
        dead = np.flatnonzero(over.any(axis=1))
        if not len(dead):
            return True
        turn = int(dead[-1])
        section = int(over[turn, :].argmax())
        self.blame[rising[turn:][covers[turn:, section]]] += TOO_FULL
        return False
