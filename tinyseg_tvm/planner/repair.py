"""Better placements by search: orders and directions for first-fit, then repair of the best ("squeaky wheel").

Staircases (contiguous tensors) are placed first, each from below or from above, since what fits beside them depends
on which of their lines are there first. A block that ends above the wanted height in one round is moved towards the
front of the order for the next. The search is deterministic.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field

import numpy as np

from tinyseg_tvm.planner.rectangles import Blocks, first_fit
from tinyseg_tvm.planner.step_table import Ints

MAX_DIRECTED = 4  # staircases whose direction is searched


@dataclass
class _Search:
    """The best placement so far."""

    blocks: Blocks
    goal: int
    height: Ints = field(init=False)
    top: int = -1
    address: Ints = field(init=False)
    order: Ints = field(init=False)
    high: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self.height = self.blocks.height()

    def attempt(self, order: Ints, high: frozenset[int]) -> Ints:
        """Place all; keep the result where it is not worse."""
        address = first_fit(self.blocks, order, high, self.goal)
        top = int((address + self.height).max())
        if self.top < 0 or top < self.top:
            self.top, self.address, self.order, self.high = top, address, order, high
        return address

    @property
    def done(self) -> bool:
        return 0 <= self.top <= self.goal


def improve(blocks: Blocks, bound: int, tries: int) -> Ints:
    """Addresses of all blocks, as low as found; stops at ``bound`` bytes (no arena can be smaller).

    Args:
        blocks: what to place.
        bound: bytes alive at the worst time.
        tries: rounds of repair.
    """
    if not blocks.count:
        return np.zeros(0, dtype=np.int64)
    search = _Search(blocks, -(-bound // blocks.alignment) * blocks.alignment)
    for order, high in itertools.product(_orders(blocks), _directions(blocks)):
        search.attempt(order, high)
        if search.done:
            return search.address
    chance = random.Random(0)
    order, high, address = search.order, search.high, search.address
    for _ in range(tries):
        order = _promote(order, address + search.height > search.goal, chance)
        before = search.top
        address = search.attempt(order, high)
        if search.done:
            break
        if int((address + search.height).max()) > before * 1.02:
            order, address = search.order, search.address
    return search.address


def _orders(blocks: Blocks) -> list[Ints]:
    """Orders of placement worth trying: staircases first, then large blocks first, or by time."""
    starts = blocks.first[:-1]
    height = blocks.height()
    birth = np.minimum.reduceat(blocks.birth, starts)
    end = np.maximum.reduceat(blocks.end, starts)
    single = np.diff(blocks.first) == 1
    return [
        np.lexsort((birth, -height, single)),
        np.lexsort((-height, -end, single)),
        np.lexsort((-height, birth, single)),
    ]


def _directions(blocks: Blocks) -> list[frozenset[int]]:
    """Sets of staircases to place from above."""
    stairs = np.flatnonzero(np.diff(blocks.first) > 1)
    largest = stairs[np.argsort(-blocks.height()[stairs], kind="stable")][:MAX_DIRECTED].tolist()
    return [frozenset(chosen) for count in range(len(largest) + 1) for chosen in itertools.combinations(largest, count)]


def _promote(order: Ints, squeaky: np.ndarray, chance: random.Random) -> Ints:
    """``order`` with the squeaky blocks moved forward by a random share of their rank."""
    rank = np.empty(len(order))
    rank[order] = np.arange(len(order))
    rank[squeaky] = rank[squeaky] * chance.random() - 0.5
    return np.argsort(rank, kind="stable")
