"""Values put back where maxima lay (ONNX MaxUnpool)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.spatial_exchange import exchanged_pair
from tinyseg_tvm.operators.tensor_type import TensorType, expect_map


@dataclass(frozen=True)
class MaxUnpool2d(Operator):
    """``y[row * stride - top + ky, column * stride - left + kx] = x[row, column]``, where the second operand (uint8, of
    MaxPositions) says the position ``ky * kernel columns + kx``; ``empty`` elsewhere. Where two windows meet in one
    place, the later in the order of rows and columns rules. Any element type.
    """

    kind: ClassVar[str] = "max_unpool2d"
    onnx: ClassVar[tuple[str, ...]] = ("MaxUnpool",)

    kernel: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[int, int]  # top, left
    extent: tuple[int, int]  # of the result
    empty: float

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """A map of the stated extent."""
        if len(inputs) != 2 or inputs[1].dtype != "uint8" or inputs[0].shape != inputs[1].shape:
            raise ValueError(f"a map and its positions in uint8 are needed, not {list(inputs)}")
        channels = expect_map(inputs[:1])[3]
        return (TensorType((1, *self.extent, channels), inputs[0].dtype),)

    def rows(self, line: int, lines: int) -> range:
        """The operand's rows, of ``lines``, whose windows reach a line of the result."""
        place, stride = line + self.padding[0], self.strides[0]
        first = -(-(place - self.kernel[0] + 1) // stride)
        return range(max(first, 0), min(place // stride, lines - 1) + 1)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Scattered, window by window."""
        values, positions = inputs[0][0], inputs[1][0].astype(np.int64)
        result = np.full((*self.extent, values.shape[2]), self.empty, values.dtype)
        for row, column in np.ndindex(*values.shape[:2]):
            for channel, position in enumerate(positions[row, column]):
                y = row * self.strides[0] - self.padding[0] + position // self.kernel[1]
                x = column * self.strides[1] - self.padding[1] + position % self.kernel[1]
                if 0 <= y < self.extent[0] and 0 <= x < self.extent[1] and position // self.kernel[1] < self.kernel[0]:
                    result[y, x, channel] = values[row, column, channel]
        return (result[np.newaxis],)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` writes line ``i`` and reads the rows whose windows reach it."""
        lines = tuple(tuple(self.rows(line, inputs[0].lines)) for line in range(outputs[0].lines))
        return by_line([lines, lines], outputs[0])

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Every pair of attributes the other way round; not where windows overlap, whose order would change."""
        if self.strides[0] < self.kernel[0] or self.strides[1] < self.kernel[1]:
            raise ValueError("its windows overlap, and the later one in the order of rows rules")
        flipped = replace(
            self,
            padding=exchanged_pair(self.padding),
            kernel=exchanged_pair(self.kernel),
            strides=exchanged_pair(self.strides),
            extent=exchanged_pair(self.extent),
        )
        return Exchanged(flipped, constants)
