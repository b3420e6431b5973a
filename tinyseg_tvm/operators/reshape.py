"""The same elements under another shape (ONNX Reshape, Flatten, Squeeze, Unsqueeze). Any element type."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line, whole
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator, Part, Slid
from tinyseg_tvm.operators.spatial_exchange import exchanged_axes
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Reshape(Operator):
    """Elements keep their device order. Where both have as many lines it works line by line, else on the whole tensor;
    in place either way.
    """

    kind: ClassVar[str] = "reshape"
    onnx: ClassVar[tuple[str, ...]] = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")
    keeps_quantization: ClassVar[bool] = True

    shape: tuple[int, ...]

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """``shape``, of as many elements."""
        if len(inputs) != 1:
            raise ValueError(f"one operand is needed, not {len(inputs)}")
        if math.prod(self.shape) != inputs[0].elements or min(self.shape, default=1) < 1:
            raise ValueError(f"the shape {inputs[0].shape} cannot become {self.shape}")
        return (TensorType(self.shape, inputs[0].dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The same elements in the same order."""
        return (inputs[0].reshape(self.shape).copy(),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i`` where both have as many lines, else one step."""
        if inputs[0].lines != outputs[0].lines:
            return whole(inputs, outputs)
        return by_line([each_line(inputs[0].lines)], outputs[0])

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """Always; on the whole tensor where the lines differ."""
        return (0,)

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Where height and width stay axes they stay exchanged; a single row or column has one order of elements."""
        if len(self.shape) >= 3 and self.shape[:3] == inputs[0].shape[:3]:
            return Exchanged(Reshape(exchanged_axes(self.shape)), constants)
        if 1 in inputs[0].shape[1:3]:
            return Exchanged(self, constants, result=False)
        raise ValueError(f"it takes the map {inputs[0].shape} apart into {self.shape}, in the order of rows")

    def over(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray], part: Part) -> Slid:
        """With so many lines."""
        axis = TensorType(self.shape, inputs[0].dtype).line_axis or 0
        return Slid(Reshape((*self.shape[:axis], part.lines, *self.shape[axis + 1 :])), constants)
