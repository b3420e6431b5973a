"""Where maxima lie in their windows (the second result of ONNX MaxPool, for MaxUnpool)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.spatial_exchange import exchanged_padding, exchanged_pair
from tinyseg_tvm.operators.tensor_type import TensorType, expect_map
from tinyseg_tvm.operators.windows import Window, windows

MOST_POSITIONS = 256


@dataclass(frozen=True)
class MaxPositions(Operator):
    """The place ``ky * kernel columns + kx`` of the greatest value of each window, as uint8; of equals the first in the
    order of rows and columns, or of columns and rows. Padding never wins; every window must reach into the map.
    """

    kind: ClassVar[str] = "max_positions"
    onnx: ClassVar[tuple[str, ...]] = ()

    kernel: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    columns_first: bool

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """One map of the windows that fit."""
        _, height, width, channels = expect_map(inputs)
        if inputs[0].dtype not in ("int8", "float32"):
            raise ValueError(f"the operand is {inputs[0].dtype}; int8 or float32 is needed")
        if self.kernel[0] * self.kernel[1] > MOST_POSITIONS:
            raise ValueError(f"a window of {self.kernel} has more than {MOST_POSITIONS} positions")
        down, across = self._windows()
        if down.misses(height) or across.misses(width):
            raise ValueError("a window lies in the padding altogether")
        return (TensorType((1, down.count(height), across.count(width), channels), "uint8"),)

    def _windows(self) -> tuple[Window, Window]:
        """The kernel down and across the map."""
        return windows(self.kernel, self.strides, self.padding, (1, 1))

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The greatest so far, tap by tap."""
        down, across = self._windows()
        data = inputs[0][0].astype(np.float32)
        rows, columns, channels = data.shape
        padding = ((down.before, down.after), (across.before, across.after), (0, 0))
        padded = np.pad(data, padding, constant_values=-np.inf)
        height, width = down.count(rows), across.count(columns)
        best = np.full((height, width, channels), -np.inf, np.float32)
        result = np.zeros(best.shape, np.uint8)
        taps = [(ky, kx) for ky in range(down.kernel) for kx in range(across.kernel)]
        for ky, kx in sorted(taps, key=lambda tap: tap[::-1]) if self.columns_first else taps:
            seen = padded[down.seen_by(ky, height), across.seen_by(kx, width)]
            result = np.where(seen > best, np.uint8(ky * across.kernel + kx), result)
            best = np.maximum(best, seen)
        return (result[np.newaxis],)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` writes line ``i`` and reads the lines its taps hit inside the map."""
        return by_line([self._windows()[0].taps(inputs[0].lines)], outputs[0])

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Every pair of attributes the other way round, and the order of equals kept."""
        flipped = replace(
            self,
            padding=exchanged_padding(self.padding),
            kernel=exchanged_pair(self.kernel),
            strides=exchanged_pair(self.strides),
            columns_first=not self.columns_first,
        )
        return Exchanged(flipped, constants)
