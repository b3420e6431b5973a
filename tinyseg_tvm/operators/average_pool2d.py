"""Average pooling (ONNX AveragePool, QLinearAveragePool)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.sliding import Sliding
from tinyseg_tvm.operators.spatial_exchange import exchanged_padding, exchanged_pair
from tinyseg_tvm.operators.tensor_type import TensorType, expect_map
from tinyseg_tvm.operators.windows import PaddedMap, Window, windows


@dataclass(frozen=True)
class AveragePool2d(PaddedMap, Operator):
    """The average of each window: its pixels inside the map are summed in the order of rows and columns; ``count`` is
    their number, or the kernel's size with ``count_include_pad``.
    """

    kind: ClassVar[str] = "average_pool2d"
    onnx: ClassVar[tuple[str, ...]] = ("AveragePool",)

    kernel: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    count_include_pad: bool
    arithmetic: forms.Average

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """One map of the windows that fit."""
        self.arithmetic.expect_operands(inputs)
        _, height, width, channels = expect_map(inputs)
        if math.prod(self.kernel) > self.arithmetic.most_values():
            raise ValueError(f"the kernel {self.kernel} sums more than {self.arithmetic.most_values()} pixels")
        down, across = self._windows()
        if not self.count_include_pad and (down.misses(height) or across.misses(width)):
            raise ValueError(f"a window of kernel {self.kernel} lies in the padding {self.padding} altogether")
        return (TensorType((1, down.count(height), across.count(width), channels), self.arithmetic.dtype),)

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
        """Sums of the windows (padding adds 0, which changes no sum), each by its count."""
        _, rows, columns, channels = inputs[0].shape
        down, across = self._windows()
        values = self.arithmetic.values(inputs[0][0])
        padded = np.pad(values, ((down.before, down.after), (across.before, across.after), (0, 0)))
        counts = self.counts(rows, columns)
        height, width = counts.shape
        sums = np.zeros((height, width, channels), values.dtype)
        for ky in range(down.kernel):
            for kx in range(across.kernel):
                sums += padded[down.seen_by(ky, height), across.seen_by(kx, width)]
        return (self.arithmetic.results(sums, counts[:, :, np.newaxis])[np.newaxis],)

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

    def sliding(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Sliding:
        """As its kernel slides; padding adds the zero point where it is counted."""
        down, _ = self._windows()
        if down.before and not self.count_include_pad:
            raise ValueError("its first lines are averages of fewer lines")
        return down.sliding(self.arithmetic.operand_zero)
