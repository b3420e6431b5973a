"""Strided part of a tensor (ONNX Slice, Split). Any element type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, same_line_axis, whole
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.spatial_exchange import exchanged_axes
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Slice(Operator):
    """``y = x[begin:end:stride]`` per axis, strides positive, bounds normalised to the shape."""

    kind: ClassVar[str] = "slice"
    onnx: ClassVar[tuple[str, ...]] = ("Slice", "Split")
    keeps_quantization: ClassVar[bool] = True
    keeps_zeros: ClassVar[bool] = True

    begin: tuple[int, ...]
    end: tuple[int, ...]
    strides: tuple[int, ...]

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The elements from ``begin`` before ``end``, every ``strides``-th."""
        if len(inputs) != 1:
            raise ValueError(f"one operand is needed, not {len(inputs)}")
        shape = inputs[0].shape
        if not len(shape) == len(self.begin) == len(self.end) == len(self.strides):
            raise ValueError(f"the bounds {self.begin}, {self.end}, {self.strides} do not fit the shape {shape}")
        bounds = list(zip(self.begin, self.end, self.strides, strict=True))
        for axis, (begin, end, stride) in enumerate(bounds):
            if not (0 <= begin < end <= shape[axis] and stride >= 1):
                raise ValueError(f"the bounds {begin}:{end}:{stride} of axis {axis} do not fit {shape[axis]} elements")
        return (TensorType(tuple(len(range(*bound)) for bound in bounds), inputs[0].dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The part, copied."""
        part = tuple(slice(*bounds) for bounds in zip(self.begin, self.end, self.strides, strict=True))
        return (inputs[0][part].copy(),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` writes line ``i`` from the one line it is part of; the other lines are never read."""
        operand, output = inputs[0], outputs[0]
        axis = output.line_axis
        if not same_line_axis(operand, output):
            return whole(inputs, outputs)
        begin, stride = (0, 1) if axis is None else (self.begin[axis], self.strides[axis])
        return by_line([tuple((begin + line * stride,) for line in range(output.lines))], output)

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """Where whole lines are picked, a line of the operand is copied as it is."""
        return (0,) if same_line_axis(inputs[0], outputs[0]) and inputs[0].line_shape == outputs[0].line_shape else ()

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """The bounds of height are those of width, and the other way round."""
        bounds = (exchanged_axes(self.begin), exchanged_axes(self.end), exchanged_axes(self.strides))
        return Exchanged(Slice(*bounds), constants)
