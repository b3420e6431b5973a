"""Blocks to be packed in the plane of time x address, and first-fit placement of them.

A *block* is a set of rectangles that move together: its address is chosen, its times are fixed. One line is a block
of one rectangle; a contiguous tensor is a staircase of one rectangle per line; a scratch buffer is one rectangle
per run of steps at one address. Addresses and sizes are bytes, times are slots (liveness.py), ranges half-open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.planner.step_table import Ints


@dataclass(frozen=True, eq=False)
class Blocks:
    """Rectangles grouped by block: those of block ``k`` are ``first[k]`` to ``first[k + 1]``.

    Attributes:
        offset: of the rectangle in its block.
        size, birth, end: of the rectangle.
        alignment: of block addresses.
    """

    first: Ints
    offset: Ints
    size: Ints
    birth: Ints
    end: Ints
    alignment: int

    @property
    def count(self) -> int:
        """Number of blocks."""
        return len(self.first) - 1

    def height(self) -> Ints:
        """Bytes of each block."""
        if not self.count:
            return np.zeros(0, dtype=np.int64)
        return np.maximum.reduceat(self.offset + self.size, self.first[:-1])


class Board:
    """Blocks placed so far; finds the free addresses of another."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        count = len(blocks.size)
        self.placed = 0
        self.low, self.high, self.birth, self.end = (np.zeros(count, dtype=np.int64) for _ in range(4))
        self.address = np.full(blocks.count, -1, dtype=np.int64)
        self.heights = blocks.height()
        self.first = blocks.first.tolist()

    def _conflicts(self, rectangle: int) -> tuple[Ints, Ints]:
        """Open ranges (low, high) of addresses at which the block of ``rectangle`` would hit something placed."""
        n = self.placed
        birth, end = self.blocks.birth[rectangle], self.blocks.end[rectangle]
        hit = np.flatnonzero((self.birth[:n] < end) & (self.end[:n] > birth))
        shift = self.blocks.offset[rectangle]
        return self.low[hit] - shift - self.blocks.size[rectangle], self.high[hit] - shift

    def forbidden(self, block: int) -> tuple[Ints, Ints]:
        """All open ranges of addresses that ``block`` cannot take."""
        pairs = [self._conflicts(rectangle) for rectangle in range(self.first[block], self.first[block + 1])]
        low, high = pairs[0] if len(pairs) == 1 else (np.concatenate(side) for side in zip(*pairs, strict=True))
        return low, high

    def lowest(self, block: int) -> int:
        """The lowest free address for ``block``."""
        low, high = self.forbidden(block)
        if not len(low):
            return 0
        order = np.argsort(low)
        low, high = low[order], high[order]
        alignment = self.blocks.alignment
        reach = np.maximum.accumulate(np.maximum(high, 0))
        reach = -(-reach // alignment) * alignment
        if low[0] >= 0:
            return 0
        free = np.flatnonzero(low[1:] >= reach[:-1])
        return int(reach[free[0]] if len(free) else reach[-1])

    def highest(self, block: int, ceiling: int) -> int:
        """The highest free address for ``block`` below ``ceiling``; the lowest free one if there is none."""
        alignment = self.blocks.alignment
        start = (ceiling - int(self.heights[block])) // alignment * alignment
        low, high = self.forbidden(block)
        order = np.argsort(-high)
        low, high = low[order], high[order]
        reach = np.minimum.accumulate(np.append(start, low // alignment * alignment))
        free = np.flatnonzero(np.append(high, 0) <= reach)
        address = int(reach[free[0]]) if len(free) else -1
        return address if address >= 0 else self.lowest(block)

    def place(self, block: int, address: int) -> None:
        """Put ``block`` at ``address``, which must be free."""
        self.address[block] = address
        a, b = self.first[block], self.first[block + 1]
        n = self.placed
        m = n + b - a
        self.low[n:m] = self.blocks.offset[a:b] + address
        self.high[n:m] = self.low[n:m] + self.blocks.size[a:b]
        self.birth[n:m] = self.blocks.birth[a:b]
        self.end[n:m] = self.blocks.end[a:b]
        self.placed = m


def first_fit(
    blocks: Blocks, order: Sequence[int] | Ints, high: frozenset[int] = frozenset(), ceiling: int = 0
) -> Ints:
    """Address of every block when they are placed in the given order at the lowest free address.

    Blocks in ``high`` take the highest free address below ``ceiling`` instead.
    """
    board = Board(blocks)
    for block in np.asarray(order).tolist():
        board.place(block, board.highest(block, ceiling) if block in high else board.lowest(block))
    return board.address
