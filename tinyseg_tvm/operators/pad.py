"""Padding with a constant value (ONNX Pad, mode constant). Any element type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, same_line_axis, whole
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.spatial_exchange import exchanged_axes
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Pad(Operator):
    """``before`` and ``after`` give the elements added per axis; negative amounts are slices and not allowed here."""

    kind: ClassVar[str] = "pad"
    onnx: ClassVar[tuple[str, ...]] = ("Pad",)
    keeps_quantization: ClassVar[bool] = True

    before: tuple[int, ...]
    after: tuple[int, ...]
    value: float

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """Every axis longer by what is added before and after."""
        if len(inputs) != 1:
            raise ValueError(f"one operand is needed, not {len(inputs)}")
        shape = inputs[0].shape
        if not len(shape) == len(self.before) == len(self.after):
            raise ValueError(f"the amounts {self.before}, {self.after} do not fit the shape {shape}")
        if min((*self.before, *self.after), default=0) < 0:
            raise ValueError(f"the amounts {self.before}, {self.after} are negative")
        padded = tuple(b + extent + a for b, extent, a in zip(self.before, shape, self.after, strict=True))
        return (TensorType(padded, inputs[0].dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The operand surrounded by the value."""
        value = np.asarray(self.value).astype(inputs[0].dtype)
        return (np.pad(inputs[0], tuple(zip(self.before, self.after, strict=True)), constant_values=value),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` writes line ``i``: the value, or a line of the operand with the value at its ends."""
        operand, output = inputs[0], outputs[0]
        if not same_line_axis(operand, output):
            return whole(inputs, outputs)
        before = 0 if output.line_axis is None else self.before[output.line_axis]
        lines = tuple((line - before,) if 0 <= line - before < operand.lines else () for line in range(output.lines))
        return by_line([lines], output)

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """Where only lines are added, a line of the operand is copied as it is."""
        return (0,) if same_line_axis(inputs[0], outputs[0]) and inputs[0].line_shape == outputs[0].line_shape else ()

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """The amounts of height are those of width, and the other way round."""
        return Exchanged(replace(self, before=exchanged_axes(self.before), after=exchanged_axes(self.after)), constants)
