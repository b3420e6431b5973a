"""The first lines of an endless stream: what is before them is padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import each_line
from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class StreamStart(Operator):
    """``y[i] = x[i]``, but padding where ``round * advance + i < first``: lines from before the stream began.

    Operands: lines, and ``round`` (1, 1) int8, which counts inferences from 0 and stays at 127. Padding is ``value``,
    or, where ``edge``, the next line: so that the line before the first one is the first one.
    """

    kind: ClassVar[str] = "stream_start"
    keeps_quantization: ClassVar[bool] = True

    advance: int
    first: int
    value: float
    edge: bool

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The type of the lines."""
        if len(inputs) != 2 or inputs[1] != TensorType((1, 1), "int8") or inputs[0].line_axis is None:
            raise ValueError(f"lines and a round (1, 1) of int8 are needed, not {[each.shape for each in inputs]}")
        if self.advance < 1 or not 1 <= self.first <= 127 * self.advance:
            raise ValueError(f"first line {self.first} is not within 127 rounds of {self.advance} lines")
        return (inputs[0],)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The lines, those from before the stream replaced."""
        lines, round_ = inputs
        axis = TensorType(lines.shape, str(lines.dtype)).line_axis
        result = np.moveaxis(lines.copy(), axis or 0, 0)
        early = min(max(self.first - int(round_[0, 0]) * self.advance, 0), len(result))
        if self.edge:
            following = np.minimum(np.arange(early) + 1, len(result) - 1)
            result[:early] = np.moveaxis(lines, axis or 0, 0)[following]
        else:
            result[:early] = np.asarray(self.value).astype(lines.dtype)
        return (np.ascontiguousarray(np.moveaxis(result, 0, axis or 0)),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` writes line ``i`` and reads it, the round, and where ``edge`` the next line."""
        lines = outputs[0].lines
        reads = tuple(tuple(range(i, min(i + 2, lines))) for i in range(lines)) if self.edge else each_line(lines)
        return LineAccess(lines, (reads, ((0,),) * lines), (each_line(lines),), (False, False), (False,))

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """A line is left as it is, or overwritten as a whole."""
        return (0,)
