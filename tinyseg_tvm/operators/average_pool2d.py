"""Average pooling on int8 (ONNX AveragePool, QLinearAveragePool)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.accumulators import expect_int8
from tinyseg_tvm.operators.arithmetic.onnx import average_multiplier, requantize
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.spatial_exchange import exchanged_padding, exchanged_pair
from tinyseg_tvm.operators.tensor_type import TensorType
from tinyseg_tvm.operators.windows import Window, windows

_LARGEST_WINDOW = (2**31 - 1) // 255  # pixels whose differences an int32 can sum


@dataclass(frozen=True)
class AveragePool2d(Operator):
    """``acc = sum(x - input_zero_point)`` over the window in int32,
    ``y = clip(round_half_even(float32(acc) * m) + output_zero_point, -128, 127)`` with
    ``m = float32(float32(input_scale / output_scale) / count)``; ``count`` is the window's pixels inside the map, or
    the kernel's size with ``count_include_pad``.
    """

    kind: ClassVar[str] = "average_pool2d"

    kernel: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    count_include_pad: bool
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """One map of the windows that fit."""
        expect_int8(inputs)
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[0] != 1:
            raise ValueError(f"one map (1, H, W, C) is needed, not {[operand.shape for operand in inputs]}")
        if math.prod(self.kernel) > _LARGEST_WINDOW:
            raise ValueError(f"the kernel {self.kernel} sums more than {_LARGEST_WINDOW} pixels in int32")
        _, height, width, channels = inputs[0].shape
        down, across = self._windows()
        if self.counts(height, width).min() == 0:
            raise ValueError(f"a window of kernel {self.kernel} lies in the padding {self.padding} altogether")
        return (TensorType((1, down.count(height), across.count(width), channels), "int8"),)

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
        """Integer sums of the windows, times the multiplier of each pixel's count."""
        _, rows, columns, channels = inputs[0].shape
        down, across = self._windows()
        centred = inputs[0][0].astype(np.int32) - self.input_zero_point
        padded = np.pad(centred, ((down.before, down.after), (across.before, across.after), (0, 0)))
        counts = self.counts(rows, columns)
        height, width = counts.shape
        accumulator = np.zeros((height, width, channels), np.int32)
        for ky in range(down.kernel):
            for kx in range(across.kernel):
                accumulator += padded[down.seen_by(ky, height), across.seen_by(kx, width)]
        multiplier = average_multiplier(self.input_scale, self.output_scale, counts[:, :, np.newaxis])
        return (requantize(accumulator, multiplier, self.output_zero_point)[np.newaxis],)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` writes line ``i`` and reads the lines of its window inside the map."""
        return by_line([self._windows()[0].taps(inputs[0].lines)], outputs[0])

    @property
    def result_quantization(self) -> tuple[float, int]:
        """As its attributes say."""
        return self.output_scale, self.output_zero_point

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Every pair of attributes the other way round."""
        flipped = replace(
            self,
            padding=exchanged_padding(self.padding),
            kernel=exchanged_pair(self.kernel),
            strides=exchanged_pair(self.strides),
        )
        return Exchanged(flipped, constants)
