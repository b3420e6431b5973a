"""Pooling over all pixels of a float32 map (ONNX GlobalAveragePool, ReduceMean, GlobalMaxPool)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import reducer
from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.float_arithmetic import FLOAT32_MAX, expect_map
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class FloatGlobalPool(Operator):
    """(1, H, W, C) to (1, 1, 1, C): a reducer that takes lines as they come.

    ``average`` sums the pixels in float32 from 0, in their order, and divides by ``float32(H * W)``; ``max`` is
    ``x > y ? x : y`` from the lowest finite float32.
    """

    kind: ClassVar[str] = "float_global_pool"
    any_pixel_order: ClassVar[bool] = True

    function: str  # "average" or "max"

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """(1, 1, 1, C)."""
        shape = expect_map(inputs)
        if self.function not in ("average", "max"):
            raise ValueError(f"function {self.function!r} is neither 'average' nor 'max'")
        return (TensorType((1, 1, 1, shape[3]), "float32"),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Sum or maximum over all pixels, one after the other."""
        pixels = inputs[0].reshape(-1, inputs[0].shape[3])
        if self.function == "max":
            result = np.full(pixels.shape[1], -FLOAT32_MAX, np.float32)
            for pixel in pixels:
                result = np.where(pixel > result, pixel, result)
        else:
            result = np.zeros(pixels.shape[1], np.float32)
            for pixel in pixels:
                result = result + pixel
            result = result / np.float32(len(pixels))
        return (result.reshape(1, 1, 1, -1),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """A reducer with C float32 sums or maxima."""
        return reducer(inputs[0], 4 * inputs[0].shape[3])
