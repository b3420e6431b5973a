"""Permutation of axes (ONNX Transpose). Any element type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line, whole
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.spatial_exchange import exchanged_axes
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Transpose(Operator):
    """A permutation that leaves the line axis in place works line by line; any other needs the whole tensor."""

    kind: ClassVar[str] = "transpose"
    onnx: ClassVar[tuple[str, ...]] = ("Transpose",)
    keeps_quantization: ClassVar[bool] = True

    permutation: tuple[int, ...]

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The permuted shape."""
        if len(inputs) != 1:
            raise ValueError(f"one operand is needed, not {len(inputs)}")
        if sorted(self.permutation) != list(range(len(inputs[0].shape))):
            raise ValueError(f"{self.permutation} is no permutation of the axes of {inputs[0].shape}")
        return (TensorType(tuple(inputs[0].shape[axis] for axis in self.permutation), inputs[0].dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The permuted elements, copied."""
        return (inputs[0].transpose(self.permutation).copy(),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i`` where the line axis stays the line axis, else one step."""
        if self._keeps_lines(inputs[0], outputs[0]):
            return by_line([each_line(inputs[0].lines)], outputs[0])
        return whole(inputs, outputs)

    def _keeps_lines(self, operand: TensorType, output: TensorType) -> bool:
        """True where an index along the result's line axis is one along the operand's."""
        if output.line_axis is None or operand.lines == output.lines == 1:
            return True
        return self.permutation[output.line_axis] == operand.line_axis

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """A permutation that keeps height and width where they are stays one; any other undoes the exchange."""
        exchanged = exchanged_axes(tuple(range(len(self.permutation))))
        undone = tuple(exchanged[axis] for axis in self.permutation)
        if {self.permutation[1], self.permutation[2]} == {1, 2}:
            return Exchanged(Transpose(exchanged_axes(undone)), constants)
        return Exchanged(Transpose(undone), constants, result=False)
