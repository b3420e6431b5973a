"""Blocks to be packed in the plane of time x address, and first-fit placement of them.

A *block* is a set of rectangles that move together: its address is chosen, its times are fixed. One line is a block
of one rectangle; a contiguous tensor is a staircase of one rectangle per line; a scratch buffer is one rectangle
per run of steps at one address. Addresses and sizes are bytes, times are slots (liveness.py), ranges half-open.

A *flight* is a part of a staircase that climbs without a break: each rectangle stands on the one before, is not born
before it and does not end before it. Those of its rectangles that live at a time are neighbours, and what they forbid
together is one range of addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.planner import native
from tinyseg_tvm.planner.step_table import Ints

Addresses = npt.NDArray[np.int32]


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

    @cached_property
    def flights(self) -> tuple[Ints, Ints]:
        """Flights and rectangles: those of block ``k``, of flight ``f`` are from entry ``k``, ``f`` to the next."""
        breaks = np.ones(len(self.size) + 1, dtype=np.bool_)
        below, above = slice(None, -1), slice(1, None)
        breaks[1:-1] = (
            (self.offset[above] != self.offset[below] + self.size[below])
            | (self.birth[above] < self.birth[below])
            | (self.end[above] < self.end[below])
        )
        breaks[self.first] = True
        begin = np.flatnonzero(breaks)
        return np.searchsorted(begin, self.first), begin


class Board:
    """Blocks placed so far; finds the free addresses of another.

    Placed rectangles are columns (low address, high address, birth, end), kept in the order of their low addresses.
    """

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self.address = np.full(blocks.count, -1, dtype=np.int64)
        self.heights = blocks.height().tolist()
        first, begin = blocks.flights
        self.first, self.begin = first.tolist(), begin.tolist()
        self.offset, self.size = blocks.offset.tolist(), blocks.size.tolist()
        self.birth, self.end = blocks.birth.tolist(), blocks.end.tolist()
        self.placed = 0
        self.columns = np.zeros((4, len(blocks.size)), dtype=np.int32)
        alignment = blocks.alignment
        self.round = bool((blocks.offset % alignment).any() or (blocks.size % alignment).any())

    def _avoiding(self, flight: int) -> tuple[Addresses, Addresses]:
        """Open ranges of addresses that ``flight``'s block cannot take, one for each placed rectangle that meets it."""
        low, high, birth, end = self.columns[:, : self.placed]
        begin, stop = self.begin[flight], self.begin[flight + 1]
        meets = ((birth < self.end[stop - 1]) & (end > self.birth[begin])).nonzero()[0]
        low, high = low[meets], high[meets]
        if stop - begin == 1:
            return low - (self.size[begin] + self.offset[begin]), high - self.offset[begin]
        births, ends = self.blocks.birth[begin:stop], self.blocks.end[begin:stop]
        first = begin + ends.searchsorted(birth[meets], "right")
        last = begin + births.searchsorted(end[meets], "left") - 1
        there = first <= last
        first, last = first[there], last[there]
        bottom, top = self.blocks.offset[first], self.blocks.offset[last] + self.blocks.size[last]
        return low[there] - top, high[there] - bottom

    def forbidden(self, block: int) -> tuple[Addresses, Addresses]:
        """All open ranges of addresses that ``block`` cannot take, by ascending lower end."""
        begin, end = self.first[block], self.first[block + 1]
        if end - begin == 1 and self.begin[begin + 1] - self.begin[begin] == 1:
            return self._avoiding(begin)
        lows, highs = zip(*(self._avoiding(flight) for flight in range(begin, end)), strict=True)
        low, high = np.concatenate(lows), np.concatenate(highs)
        order = low.argsort()
        return low[order], high[order]

    def lowest(self, block: int) -> int:
        """The lowest free address for ``block``."""
        low, high = self.forbidden(block)
        if not len(low) or low[0] >= 0:
            return 0
        reach = np.maximum.accumulate(high)
        if self.round:
            alignment = self.blocks.alignment
            reach = (reach + (alignment - 1)) // alignment * alignment
        free = low[1:] >= np.maximum(reach[:-1], 0)
        at = int(free.argmax()) if len(free) else 0
        return max(int(reach[at] if len(free) and free[at] else reach[-1]), 0)

    def highest(self, block: int, ceiling: int) -> int:
        """The highest free address for ``block`` below ``ceiling``; the lowest free one if there is none."""
        alignment = self.blocks.alignment
        start = (ceiling - self.heights[block]) // alignment * alignment
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
        columns, count = self.columns, self.placed
        for rectangle in range(self.begin[self.first[block]], self.begin[self.first[block + 1]]):
            low = address + self.offset[rectangle]
            at = int(columns[0, :count].searchsorted(low))
            columns[:, at + 1 : count + 1] = columns[:, at:count]
            columns[:, at] = (low, low + self.size[rectangle], self.birth[rectangle], self.end[rectangle])
            count += 1
        self.placed = count


def first_fit(
    blocks: Blocks,
    order: Sequence[int] | Ints,
    high: frozenset[int] = frozenset(),
    ceiling: int = 0,
    *,
    compiled: bool = True,
) -> Ints:
    """Address of every block when they are placed in the given order at the lowest free address.

    Blocks in ``high`` take the highest free address below ``ceiling`` instead. ``compiled``: in C where the host has a
    compiler, which does not change the result.
    """
    library = native.load() if compiled else None
    if library is None:
        board = Board(blocks)
        for block in np.asarray(order).tolist():
            board.place(block, board.highest(block, ceiling) if block in high else board.lowest(block))
        return board.address
    address = np.full(blocks.count, -1, dtype=np.int64)
    arrays = (*blocks.flights, blocks.offset, blocks.size, blocks.birth, blocks.end, order)
    *rectangles, ranked = (np.ascontiguousarray(array, dtype=np.int64) for array in arrays)
    from_above = np.zeros(blocks.count, dtype=np.uint8)
    from_above[list(high)] = 1
    if not library.first_fit(blocks.count, *rectangles, blocks.alignment, ranked, from_above, ceiling, address):
        raise MemoryError("placing blocks found no memory")
    return address
