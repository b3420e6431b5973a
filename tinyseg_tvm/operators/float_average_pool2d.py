"""Average pooling on float32 (ONNX AveragePool)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.float_arithmetic import expect_map
from tinyseg_tvm.operators.spatial_exchange import exchanged_padding, exchanged_pair
from tinyseg_tvm.operators.tensor_type import TensorType
from tinyseg_tvm.operators.windows import Window, windows


@dataclass(frozen=True)
class FloatAveragePool2d(Operator):
    """``y = sum / count``: the sum in float32 from 0 over the window's pixels inside the map, in the order of rows and
    columns; ``count`` is their number, or the kernel's size with ``count_include_pad``.
    """

    kind: ClassVar[str] = "float_average_pool2d"

    kernel: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    count_include_pad: bool

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """One map of the windows that fit."""
        _, height, width, channels = expect_map(inputs)
        down, across = self._windows()
        if self.counts(height, width).min() == 0:
            raise ValueError(f"a window of kernel {self.kernel} lies in the padding {self.padding} altogether")
        return (TensorType((1, down.count(height), across.count(width), channels), "float32"),)

    def _windows(self) -> tuple[Window, Window]:
        """The kernel down and across the map."""
        return windows(self.kernel, self.strides, self.padding, (1, 1))

    def counts(self, rows: int, columns: int) -> np.ndarray:
        """The divisor of each output pixel of a map of (rows, columns): (OH, OW) integers."""
        down, across = self._windows()
        if self.count_include_pad:
            return np.full((down.count(rows), across.count(columns)), math.prod(self.kernel))
        return np.outer([len(taps) for taps in down.taps(rows)], [len(taps) for taps in across.taps(columns)])

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Sums of the windows (padding adds 0, which changes no sum), divided."""
        _, rows, columns, channels = inputs[0].shape
        down, across = self._windows()
        padded = np.pad(inputs[0][0], ((down.before, down.after), (across.before, across.after), (0, 0)))
        counts = self.counts(rows, columns)
        height, width = counts.shape
        total = np.zeros((height, width, channels), np.float32)
        for ky in range(down.kernel):
            for kx in range(across.kernel):
                total += padded[down.seen_by(ky, height), across.seen_by(kx, width)]
        return ((total / counts[:, :, np.newaxis].astype(np.float32))[np.newaxis],)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` writes line ``i`` and reads the lines of its window inside the map."""
        return by_line([self._windows()[0].taps(inputs[0].lines)], outputs[0])

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Every pair of attributes the other way round."""
        flipped = replace(
            self,
            padding=exchanged_padding(self.padding),
            kernel=exchanged_pair(self.kernel),
            strides=exchanged_pair(self.strides),
        )
        return Exchanged(flipped, constants)
