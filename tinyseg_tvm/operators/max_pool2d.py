"""Max pooling (ONNX MaxPool)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.sliding import Sliding
from tinyseg_tvm.operators.spatial_exchange import exchanged_padding, exchanged_pair
from tinyseg_tvm.operators.tensor_type import TensorType, expect_map, lowest_value
from tinyseg_tvm.operators.windows import PaddedMap, Window, windows


@dataclass(frozen=True)
class MaxPool2d(PaddedMap, Operator):
    """``y = x > y ? x : y`` over the window in the order of rows and columns, from the lowest value of the operand's
    type: no arithmetic.

    Padding never wins. ``ceil_mode`` is already folded into the bottom and right padding.
    """

    kind: ClassVar[str] = "max_pool2d"
    onnx: ClassVar[tuple[str, ...]] = ("MaxPool",)
    keeps_quantization: ClassVar[bool] = True
    keeps_zeros: ClassVar[bool] = True

    kernel: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    dilation: tuple[int, int]

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """One map of the windows that fit."""
        _, height, width, channels = expect_map(inputs)
        down, across = self._windows()
        return (TensorType((1, down.count(height), across.count(width), channels), inputs[0].dtype),)

    def _windows(self) -> tuple[Window, Window]:
        """The kernel down and across the map."""
        return windows(self.kernel, self.strides, self.padding, self.dilation)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Maximum over taps; the lowest value where a window lies in the padding altogether."""
        down, across = self._windows()
        data = inputs[0][0]
        rows, columns, channels = data.shape
        lowest = lowest_value(str(data.dtype))
        padding = ((down.before, down.after), (across.before, across.after), (0, 0))
        padded = np.pad(data, padding, constant_values=lowest)
        height, width = down.count(rows), across.count(columns)
        result = np.full((height, width, channels), lowest, data.dtype)
        for ky in range(down.kernel):
            for kx in range(across.kernel):
                seen = padded[down.seen_by(ky, height), across.seen_by(kx, width)]
                result = np.where(seen > result, seen, result)
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
        """Every pair of attributes the other way round."""
        flipped = replace(
            self,
            padding=exchanged_padding(self.padding),
            kernel=exchanged_pair(self.kernel),
            strides=exchanged_pair(self.strides),
            dilation=exchanged_pair(self.dilation),
        )
        return Exchanged(flipped, constants)

    def sliding(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Sliding:
        """As its kernel slides; padding never wins."""
        return self._windows()[0].sliding(lowest_value(inputs[0].dtype))
