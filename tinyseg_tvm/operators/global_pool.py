"""Pooling over all pixels of an int8 map (ONNX GlobalAveragePool, ReduceMean, GlobalMaxPool)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import reducer
from tinyseg_tvm.operators.accumulators import expect_int8
from tinyseg_tvm.operators.arithmetic.onnx import average_multiplier, requantize
from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class GlobalPool(Operator):
    """(1, H, W, C) to (1, 1, 1, C): a reducer that takes lines as they come. ``average`` computes as AveragePool2d with
    ``count = H * W``; ``max`` takes the largest value (equal quantisation in and out).
    """

    kind: ClassVar[str] = "global_pool"
    any_pixel_order: ClassVar[bool] = True

    function: str  # "average" or "max"
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """(1, 1, 1, C)."""
        expect_int8(inputs)
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[0] != 1:
            raise ValueError(f"one map (1, H, W, C) is needed, not {[operand.shape for operand in inputs]}")
        if self.function not in ("average", "max"):
            raise ValueError(f"function {self.function!r} is neither 'average' nor 'max'")
        _, height, width, channels = inputs[0].shape
        if self.function == "average" and height * width * 255 >= 2**31:
            raise ValueError(f"{height} x {width} pixels are more than an int32 can sum")
        before = (self.input_scale, self.input_zero_point)
        if self.function == "max" and before != (self.output_scale, self.output_zero_point):
            raise ValueError("the maximum keeps its operand's scale and zero point")
        return (TensorType((1, 1, 1, channels), "int8"),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Sum or maximum over all pixels."""
        if self.function == "max":
            return (inputs[0].max(axis=(1, 2), keepdims=True),)
        accumulator = (inputs[0].astype(np.int32) - self.input_zero_point).sum(axis=(1, 2), keepdims=True)
        count = inputs[0].shape[1] * inputs[0].shape[2]
        multiplier = average_multiplier(self.input_scale, self.output_scale, count)
        return (requantize(accumulator, multiplier, self.output_zero_point),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """A reducer with C accumulators: int32 sums, or int8 maxima."""
        channels = inputs[0].shape[3]
        return reducer(inputs[0], 4 * channels if self.function == "average" else channels)

    @property
    def result_quantization(self) -> tuple[float, int]:
        """As its attributes say."""
        return self.output_scale, self.output_zero_point
