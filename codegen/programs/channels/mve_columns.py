"""Columns of depthwise convolutions for the vector extension.

A channel's window has to lie side by side. So values of 16 channels are staged as a *plane* for each channel and four
rows: its columns follow each other, of four values each. Vectors of 16 values are four columns of a channel, times
weights that are zero in columns and rows that do not belong to its window. A *piece* of a window is what a vector takes
of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tinyseg_tvm.codegen.programs.channels.sum import ChannelSum
from tinyseg_tvm.codegen.programs.mve_assembler import VECTOR

ROWS = 4  # of a plane
COLUMNS = VECTOR // ROWS  # of a vector


@dataclass(frozen=True)
class MveSum(ChannelSum):
    """One output line."""

    block = 16
    dtype = "int8"

    @property
    def planes(self) -> int:
        """Of a channel."""
        return -(-self.rows // ROWS)

    @cached_property
    def pieces(self) -> tuple[int, ...]:
        """First column of each piece of a window."""
        firsts: list[int] = []
        for tap in range(self.taps):
            if not firsts or tap * self.dilation >= firsts[-1] + COLUMNS:
                firsts.append(tap * self.dilation)
        return tuple(firsts)

    @property
    def sharing(self) -> int:
        """Neighbouring pixels whose windows lie in one vector: 1, 2 or 4."""
        if self.reach > COLUMNS:
            return 1
        sharing = (COLUMNS - self.reach) // self.stride + 1
        return 2 if sharing == 3 else sharing

    @property
    def lead(self) -> int:
        """Bytes of zeros ahead of a piece's weights, so that the vector from there on is those of the next pixel."""
        return ROWS * (COLUMNS - self.reach) if self.sharing > 1 else 0

    @property
    def weights(self) -> int:
        """Bytes of a channel's weights: [plane][piece][column][row]."""
        return VECTOR * self.planes * len(self.pieces)

    def weight_at(self, row: int, tap: int) -> int:
        """Place of a weight among the bytes of its channel."""
        column = tap * self.dilation
        piece = next(i for i, first in enumerate(self.pieces) if first <= column < first + COLUMNS)
        vector = row // ROWS * len(self.pieces) + piece
        return vector * VECTOR + self.lead + (column - self.pieces[piece]) * ROWS + row % ROWS

    def staged_shape(self, columns: int, channels: int, /) -> tuple[int, int]:
        """[channel and plane][column and row]."""
        return channels * self.planes, columns * ROWS

    def staged_at(self, column: Any, channel: Any, _of: int, row: int) -> tuple[Any, Any]:
        """Of a channel's plane."""
        return channel * self.planes + row // ROWS, column * ROWS + row % ROWS

    def staged_columns(self, first: Any, count: int, of: int, /) -> tuple[slice, slice]:
        """In all planes."""
        return slice(0, of * self.planes), slice(first * ROWS, first * ROWS + count * ROWS)

    def staged_window(self, first: Any, channel: Any, _of: int, /) -> tuple[slice, slice]:
        """In the channel's planes."""
        planes = slice(channel * self.planes, channel * self.planes + self.planes)
        return planes, slice(first * ROWS, first * ROWS + self.reach * ROWS)

    def rows_of(self, plane: int) -> Sequence[int]:
        """Rows of a plane."""
        return range(plane * ROWS, min(self.rows, plane * ROWS + ROWS))
