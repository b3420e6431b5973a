"""Lines whose columns are laid side by side, so that all rows of a window are one run (runtime/tinyseg_columns_mve.h).

Where a line has few channels, most of each vector of a row's window would be empty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.codegen.operators.emission import FunctionWriter

MODULE = "tinyseg_columns_mve"
MOST_CHANNELS = 16  # of a line; more fill vectors as they are
MOST = 65535  # columns, values of a column, and from a block's first value to its last one
_LANES = 8


@dataclass(frozen=True)
class ColumnStaging:
    """The lines of a window, side by side.

    Attributes:
        rows: of the window.
        channels: of each piece.
        width: columns of the lines.
        before, after: columns of padding on both sides.
        zero_point: of the padding.
    """

    rows: int
    channels: tuple[int, ...]
    width: int
    before: int
    after: int
    zero_point: int

    @property
    def is_possible(self) -> bool:
        """Whether the runtime's function does it, for more than one line."""
        lines = self.rows * len(self.channels)
        fits = max(self.columns, self.total) <= MOST and max(self.channels) <= MOST_CHANNELS
        return lines > 1 and fits and int(self.places.max()) <= MOST

    @property
    def total(self) -> int:
        """Values of a column."""
        return self.rows * sum(self.channels)

    @property
    def columns(self) -> int:
        """How many, those of the padding included."""
        return self.before + self.width + self.after

    @property
    def bytes(self) -> int:
        """Of all columns."""
        return self.columns * self.total

    @property
    def places(self) -> np.ndarray:
        """Where the values of a block of columns go, uint32, piece after piece."""
        tables = []
        for channels in self.channels:
            values = np.arange(_block(channels) * channels)
            tables.append(values // channels * self.total + values % channels)
        return np.concatenate(tables).astype(np.uint32)

    @property
    def flash_bytes(self) -> int:
        """Of constants."""
        return 2 * self.places.size + 2 * len(self.channels) + 24

    @property
    def cycles(self) -> float:
        """Estimated."""
        cycles = 60.0
        for channels in self.channels:
            blocks = -(-self.width // _block(channels))
            cycles += self.rows * (20 + 10 * blocks + 4 * -(-self.width * channels // _LANES))
        return cycles

    def emit(self, out: FunctionWriter, suffix: str, to: str) -> list[str]:
        """Stores the constants, under names that end with the suffix; the statements that lay ``lines`` out."""
        symbol = f"{out.symbol}_columns{suffix}"
        places = out.constant(f"places{suffix}", self.places.astype(np.uint16))
        channels = out.constant(f"channels{suffix}", np.asarray(self.channels, np.uint16))
        sizes = len(self.channels), self.rows, self.total, self.width, self.before, self.after, self.zero_point
        values = ", ".join(map(str, sizes))
        out.modules.add(MODULE)
        out.definitions.append(f"static const {MODULE} {symbol} = {{{places}, {channels}, {values}}};")
        return [f"{MODULE}_lay_out(&{symbol}, lines, {to});"]


def _block(channels: int) -> int:
    """Columns whose places are a table: so many that their values are whole vectors."""
    return _LANES * -(-_LANES // channels)
