"""C micro-kernels of depthwise convolutions: one tile of pixels and channels, from its columns to its results.

They are written for one operator: distances, weights' places and the numbers of pixels are constants. A family says how
columns are staged, in which order weights lie, and what its code is. Inner loops are assembler with a C twin that gives
the same bits.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.codegen.programs.channels.sum import ChannelSum, Part
from tinyseg_tvm.codegen.programs.long_tail import PLACEHOLDER
from tinyseg_tvm.codegen.programs.tiled import TileKernel


@dataclass(frozen=True)
class ChannelKernel(TileKernel):
    """The micro-kernels of one sum.

    Attributes:
        together: pixels whose sums are in registers together.
        zeros: bytes that follow the weights of all channels.
    """

    sum: ChannelSum
    together: ClassVar[int]
    zeros: ClassVar[int] = 0

    @classmethod
    def of(cls, s: ChannelSum, _weight: np.ndarray, _bias: np.ndarray, _multiplier: np.ndarray, /) -> ChannelKernel:
        """Those of a sum with these weights (C, KH, KW), biases (with the zero point folded in) and multipliers."""
        return cls(s)

    def packed(self, weight: np.ndarray) -> np.ndarray:
        """(C, KH, KW) int8 as the bytes of ``ChannelSum.weights``, (C, bytes)."""
        s = self.sum
        packed = np.zeros((weight.shape[0], s.weights), np.int8)
        for tap in range(s.taps):
            for row in range(s.rows):
                packed[:, s.weight_at(row, tap)] = weight[:, row, tap]
        return packed

    @property
    def weight_bytes(self) -> int:
        """Bytes of all channels' weights as packed, and of the zeros behind them."""
        return self.sum.channels * self.sum.weights + self.zeros

    def arranged(self, values: np.ndarray) -> np.ndarray:
        """Biases or multipliers (C,) in the order in which tiles take them."""
        return values

    @property
    def stack_bytes(self) -> int:
        """That a tile takes beyond registers."""
        return 0

    @property
    def suits(self) -> bool:
        """Whether they compute this sum."""
        return True

    @property
    def padding(self) -> int:
        """Zero points that stand for a line that is missing."""
        return self.sum.channels

    @abstractmethod
    def staged_bytes(self, columns: int) -> int:
        """Of so many columns."""

    @property
    def runs(self) -> tuple[int, ...]:
        """Pixels that runs may have where columns are not staged."""
        return (self.sum.pixels,)

    def function(self, part: Part, pixels: int) -> str:
        """Name of the function of a part's tile."""
        return f"{PLACEHOLDER}_{pixels}x{part.channels}"

    def stage_function(self, part: Part) -> str:
        """Name of the function that stages a part's columns."""
        span = part.span
        return f"{PLACEHOLDER}_stage_{part.channels}_{span.before}_{span.columns}_{span.after}"

    @abstractmethod
    def stage_source(self, part: Part) -> str:
        """C of that function: of where to, and of each line that it takes and its step."""

    def _staging(self, part: Part, function: str, *sizes: int) -> str:
        """The same, by a function of the runtime that takes these numbers, of rows or channels."""
        s, span = self.sum, part.span
        taken = range(s.rows) if span.columns else ()
        parameters = ", ".join([f"{s.dtype}_t *to", *(f"int8_t *line_{row}, int32_t step_{row}" for row in taken)])
        lines = [f"static void {self.stage_function(part)}({parameters})", "{"]
        if span.columns:
            rows = ", ".join(f"{{line_{row}, step_{row}}}" for row in taken)
            lines.append(f"    const tinyseg_row rows[{s.rows}] = {{{rows}}};")
        numbers = ", ".join(map(str, (*sizes, span.before, span.columns, span.after, s.zero_point)))
        lines.append(f"    {function}(to, {'rows' if span.columns else 'NULL'}, {numbers});")
        return "\n".join([*lines, "}", ""])

    @abstractmethod
    def source(self, part: Part, pixels: int) -> str:
        """C of the function of a part's tile: of the values, weights, bias, multipliers and results."""

    def common_source(self, tiles: Sequence[tuple[Part, int]]) -> str:
        """C of what the functions of these tiles call."""
        return ""

    @abstractmethod
    def tile_cycles(self, part: Part, pixels: int, requantize: int) -> float:
        """Of a tile, with so many cycles for each requantisation."""

    def staging_cycles(self, part: Part) -> float:
        """To stage the columns of a run and a block of channels."""
        return 0.0

    @abstractmethod
    def code_bytes(self, tiles: Sequence[tuple[Part, int]]) -> int:
        """Estimated bytes of code of these tiles' functions."""


def assembler(code: Sequence[str], outputs: Sequence[str], inputs: Sequence[str], *clobbers: str) -> list[str]:
    """The C statement of instructions, which change memory too."""
    changed = ", ".join(f'"{name}"' for name in (*clobbers, "memory"))
    return [
        "__asm__ volatile(",
        *(f'    "{line}\\n\\t"' for line in code),
        f"    : {', '.join(outputs)}",
        f"    : {', '.join(inputs)}",
        f"    : {changed});",
    ]
