"""Pooling over all pixels of a map (ONNX GlobalAveragePool, ReduceMean, GlobalMaxPool)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import reducer
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType, expect_map, lowest_value


@dataclass(frozen=True)
class GlobalPool(Operator):
    """(1, H, W, C) to (1, 1, 1, C): a reducer that takes lines as they come.

    ``average`` sums the pixels in their order, with ``count = H * W``. ``max`` has no arithmetic: it is ``x > y ? x :
    y`` in the order of the pixels, from the lowest value of the operand's type.
    """

    kind: ClassVar[str] = "global_pool"
    onnx: ClassVar[tuple[str, ...]] = ("GlobalAveragePool", "GlobalMaxPool", "ReduceMean")
    any_pixel_order: ClassVar[bool] = True

    function: str  # "average" or "max"
    arithmetic: forms.Average | None = None

    @property
    def keeps_quantization(self) -> bool:
        """A maximum does."""
        return self.arithmetic is None

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """(1, 1, 1, C)."""
        _, height, width, channels = expect_map(inputs)
        if self.function not in ("average", "max"):
            raise ValueError(f"function {self.function!r} is neither 'average' nor 'max'")
        if (self.function == "average") != (self.arithmetic is not None):
            raise ValueError("an average needs an arithmetic, and a maximum has none")
        if self.arithmetic is not None:
            self.arithmetic.expect_operands(inputs)
            if height * width > self.arithmetic.most_values():
                raise ValueError(f"{height} x {width} pixels are more than {self.arithmetic.most_values()} to sum")
        return (TensorType((1, 1, 1, channels), inputs[0].dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Sum or maximum over all pixels, one after the other."""
        data = inputs[0]
        pixels = data.reshape(-1, data.shape[3])
        if self.arithmetic is None:
            first = lowest_value(str(data.dtype))
            result = np.full(data.shape[3], first, data.dtype)
            for pixel in pixels:
                result = np.where(pixel > result, pixel, result)
        else:
            values = self.arithmetic.values(pixels)
            sums = np.zeros(data.shape[3], values.dtype)
            for pixel in values:
                sums += pixel
            result = self.arithmetic.results(sums, np.asarray(len(values)))
        return (result.reshape(1, 1, 1, -1),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """A reducer with C accumulators: sums, or maxima of the operand's type."""
        _, height, width, channels = inputs[0].shape
        if self.arithmetic is None:
            return reducer(inputs[0], channels * np.dtype(inputs[0].dtype).itemsize)
        return reducer(inputs[0], channels * self.arithmetic.sum_bytes(height * width))
