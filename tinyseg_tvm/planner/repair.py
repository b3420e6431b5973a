"""Better placements by search: orders and directions for first-fit, then repair of the best ("squeaky wheel").

Staircases (contiguous tensors) are placed first, each from below or from above, since what fits beside them depends on
which of their lines are there first. Then lines follow in one of several orders. In repair, the blocks that end highest
in one round are moved towards the front of the order for the next. The search is deterministic.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field

import numpy as np

from tinyseg_tvm.planner.rectangles import Blocks, first_fit
from tinyseg_tvm.planner.step_table import Ints

MAX_DIRECTED = 3  # staircases whose direction is searched
LONG_LIVES = (1, 4, 16)  # multiples of the median lifetime above which a block may count as long-lived
STARTS = 3  # placements that repair starts from
SQUEAKY_SHARE = 0.25  # of the height between the bound and the best top: blocks that end there are moved


@dataclass(frozen=True, eq=False)
class _Placement:
    top: int
    order: Ints
    high: frozenset[int]
    address: Ints


@dataclass
class _Search:
    """Placements tried, and the best."""

    blocks: Blocks
    goal: int
    height: Ints = field(init=False)
    best: _Placement | None = None

    def __post_init__(self) -> None:
        self.height = self.blocks.height()

    def attempt(self, order: Ints, high: frozenset[int]) -> _Placement:
        """Place all; remember the result where it is the best so far."""
        address = first_fit(self.blocks, order, high, self.goal)
        placement = _Placement(int((address + self.height).max()), order, high, address)
        if self.best is None or placement.top < self.best.top:
            self.best = placement
        return placement

    @property
    def done(self) -> bool:
        return self.best is not None and self.best.top <= self.goal


def improve(blocks: Blocks, bound: int, tries: int) -> Ints:
    """Addresses of all blocks, as low as found; stops at ``bound`` bytes (no arena can be smaller).

    Args:
        blocks: what to place.
        bound: bytes alive at the worst time.
        tries: rounds of placement; more is slower and tighter.
    """
    if not blocks.count:
        return np.zeros(0, dtype=np.int64)
    search = _Search(blocks, -(-bound // blocks.alignment) * blocks.alignment)
    starts = []
    for order, high in itertools.islice(_starts(blocks), max(1, tries)):
        starts.append(search.attempt(order, high))
        if search.done:
            break
    starts.sort(key=lambda placement: placement.top)
    rounds = max(0, tries - len(starts)) // STARTS
    for start in starts[:STARTS]:
        if not search.done:
            _repair(search, start, rounds)
    assert search.best is not None
    return search.best.address


def _repair(search: _Search, placement: _Placement, rounds: int) -> None:
    """Move the blocks that end highest forward in the order, again and again."""
    assert search.best is not None
    chance = random.Random(0)
    for _ in range(rounds):
        limit = search.goal + (search.best.top - search.goal) * (1 - SQUEAKY_SHARE)
        squeaky = placement.address + search.height > limit
        rank = np.empty(len(squeaky))
        rank[placement.order] = np.arange(len(squeaky))
        rank[squeaky] = rank[squeaky] * chance.random() - 0.5
        placement = search.attempt(np.argsort(rank, kind="stable"), placement.high)
        if search.done:
            break


def _starts(blocks: Blocks) -> list[tuple[Ints, frozenset[int]]]:
    """Orders and blocks to place from above, promising ones first."""
    first = blocks.first[:-1]
    height = blocks.height()
    birth = np.minimum.reduceat(blocks.birth, first)
    end = np.maximum.reduceat(blocks.end, first)
    life = end - birth
    single = np.diff(blocks.first) == 1
    usual = float(np.median(life))
    by_size = np.lexsort((birth, -height, single))
    by_life = [np.lexsort((birth, -height, life <= usual * factor, single)) for factor in LONG_LIVES]
    others = [
        np.lexsort((birth, -life, -height, single)),
        np.lexsort((-end, -height, single)),
        np.lexsort((-height, -end, single)),
        np.lexsort((-height, birth, single)),
    ]
    up, *down = _directions(blocks)
    tried = [(order, up) for order in (by_size, *by_life, *others)]
    tried += [(order, high) for high in down for order in (by_size, *by_life)]
    return tried


def _directions(blocks: Blocks) -> list[frozenset[int]]:
    """Sets of staircases to place from above; the empty set first."""
    stairs = np.flatnonzero(np.diff(blocks.first) > 1)
    largest = stairs[np.argsort(-blocks.height()[stairs], kind="stable")][:MAX_DIRECTED].tolist()
    return [frozenset(chosen) for count in range(len(largest) + 1) for chosen in itertools.combinations(largest, count)]
