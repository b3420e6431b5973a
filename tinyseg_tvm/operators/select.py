"""Places along an axis in any order (ONNX Gather of constant indices, Slice with negative steps). Any element type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line, same_line_axis, whole
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.spatial_exchange import exchanged_axes
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Select(Operator):
    """``y[..., i, ...] = x[..., indices[i], ...]`` along one axis.

    Constants: ``indices`` (K,) int32 within the axis.
    """

    kind: ClassVar[str] = "select"
    onnx: ClassVar[tuple[str, ...]] = ("Gather",)
    own_constants: ClassVar[tuple[str, ...]] = ("indices",)
    keeps_quantization: ClassVar[bool] = True

    axis: int

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape with as many places along the axis as there are indices."""
        if len(inputs) != 1 or not 0 <= self.axis < len(inputs[0].shape):
            raise ValueError(f"one operand with an axis {self.axis} is needed, not {[each.shape for each in inputs]}")
        indices = constants["indices"]
        if indices.dtype != "int32" or len(indices.shape) != 1 or not indices.elements:
            raise ValueError(f"the indices are {indices.dtype} {indices.shape}; int32 of rank 1 is needed")
        shape = inputs[0].shape
        return (TensorType((*shape[: self.axis], indices.elements, *shape[self.axis + 1 :]), inputs[0].dtype),)

    def check(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> None:
        """Indices lie within the axis."""
        indices, extent = constants["indices"], inputs[0].shape[self.axis]
        if indices.min() < 0 or indices.max() >= extent:
            raise ValueError(f"indices from {indices.min()} to {indices.max()} leave the axis of {extent} places")

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The places, copied."""
        return (np.ascontiguousarray(inputs[0].take(constants["indices"], self.axis)),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` from line ``i``, or from the line that the index says."""
        operand, output = inputs[0], outputs[0]
        if not same_line_axis(operand, output) or (output.line_axis == 1 and self.axis == 0):
            return whole(inputs, outputs)
        if self.axis != output.line_axis:
            return by_line([each_line(output.lines)], output)
        return by_line([tuple((int(index),) for index in constants["indices"])], output)

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """Where whole lines are picked, a line of the operand is copied as it is."""
        picks_lines = same_line_axis(inputs[0], outputs[0]) and self.axis == outputs[0].line_axis
        return (0,) if picks_lines else ()

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Rows are columns, and the other way round."""
        axes = exchanged_axes(tuple(range(len(inputs[0].shape))))
        return Exchanged(Select(axes[self.axis]), constants)
