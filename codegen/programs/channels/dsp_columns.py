"""Columns of depthwise convolutions for the DSP extension.

One instruction takes two products of a channel where their values are neighbours. So values of four channels are staged
in 16 bits, rows in pairs. A column consists of words (two values each), in this order:

    pairs of channel 0, last single row of channels 0 and 2, pairs of channel 2,
    pairs of channel 1, last single row of channels 1 and 3, pairs of channel 3

where the words of the single row exist for odd numbers of rows only. So every channel's words are neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinyseg_tvm.codegen.programs.channels.sum import ChannelSum, Part


@dataclass(frozen=True)
class DspSum(ChannelSum):
    """One output line."""

    block = 4
    dtype = "int16"

    @property
    def pairs(self) -> int:
        """Pairs of rows."""
        return self.rows // 2

    @property
    def single(self) -> int:
        """1 if a last single row remains, else 0."""
        return self.rows % 2

    @property
    def side(self) -> int:
        """Words of two channels of a column."""
        return 2 * self.pairs + self.single

    @property
    def column(self) -> int:
        """Values of 16 bits that a column of a block takes."""
        return 4 * self.side

    @property
    def words(self) -> int:
        """Words of a channel's widened weights: [pair of rows][tap], then two taps of the single row in each."""
        return self.pairs * self.taps + self.single * -(-self.taps // 2)

    @property
    def weights(self) -> int:
        """Bytes of a channel's weights: four are two words, one in bytes 0 and 2, the other in 1 and 3."""
        return 4 * -(-self.words // 2)

    def weight_at(self, row: int, tap: int) -> int:
        """Place of a weight among the bytes of its channel."""
        paired = row < 2 * self.pairs
        word = row // 2 * self.taps + (tap if paired else tap // 2)
        return word // 2 * 4 + word % 2 + (row if paired else tap) % 2 * 2

    def staged_shape(self, columns: int, _channels: int, /) -> tuple[int, int]:
        """[column][value]."""
        return columns, self.column

    def staged_at(self, column: Any, channel: Any, of: int, row: int) -> tuple[Any, Any]:
        """Of a channel in a column."""
        side, upper = (channel % 2, channel // 2) if of > 2 else (channel if of > 1 else 0, 0)  # as TVM simplifies it
        if row < 2 * self.pairs:
            return column, (side * self.side + upper * (self.pairs + self.single) + row // 2) * 2 + row % 2
        return column, (side * self.side + self.pairs) * 2 + upper

    def staged_columns(self, first: Any, count: int, _of: int, /) -> tuple[slice, slice]:
        """Of all channels."""
        return slice(first, first + count), slice(0, self.column)

    def half(self, channel: int) -> int:
        """In which half of the single row's word a channel's values lie."""
        return channel // 2 * self.single

    def halves(self, channels: int) -> list[int]:
        """Those in which the values of so many channels lie."""
        return sorted({self.half(k) for k in range(channels)})


def takes_three_rows(s: DspSum, part: Part) -> bool:
    """Whether a part's columns are staged by the function for three rows: of a whole block, or of all channels."""
    return s.rows == 3 and part.channels in (s.block, s.channels)
