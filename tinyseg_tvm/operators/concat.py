"""Concatenation of tensors of equal quantisation (ONNX Concat)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line, whole
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Concat(Operator):
    """Copies its operands one after the other along ``axis`` (of the device layout). Any element type."""

    kind: ClassVar[str] = "concat"
    onnx: ClassVar[tuple[str, ...]] = ("Concat",)
    keeps_quantization: ClassVar[bool] = True

    axis: int

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operands' shape, with their extents along ``axis`` added."""
        if not inputs:
            raise ValueError("a concatenation needs at least one operand")
        shapes = [operand.shape for operand in inputs]
        first = shapes[0]
        if not 0 <= self.axis < len(first):
            raise ValueError(f"axis {self.axis} does not exist in {first}")
        beside = {(len(shape), shape[: self.axis], shape[self.axis + 1 :]) for shape in shapes}
        if len(beside) != 1:
            raise ValueError(f"the shapes {shapes} differ beside axis {self.axis}")
        if len({operand.dtype for operand in inputs}) != 1:
            raise ValueError(f"the element types {[operand.dtype for operand in inputs]} differ")
        extent = sum(shape[self.axis] for shape in shapes)
        return (TensorType((*first[: self.axis], extent, *first[self.axis + 1 :]), inputs[0].dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The operands one after the other."""
        return (np.concatenate(list(inputs), axis=self.axis),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Along the line axis, one operand's lines after the other's; along later axes, line ``i`` of every operand.

        Where the result divides into lines along another axis than an operand: one step.
        """
        output = outputs[0]
        if any(operand.line_axis != output.line_axis for operand in inputs):
            return whole(inputs, outputs)
        if self.axis != output.line_axis:
            return by_line([each_line(output.lines)] * len(inputs), output)
        reads = []
        begin = 0
        for operand in inputs:
            after = output.lines - begin - operand.lines
            reads.append(((),) * begin + each_line(operand.lines) + ((),) * after)
            begin += operand.lines
        return by_line(reads, output)

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """Along the line axis a line is copied as it is."""
        axes = {tensor.line_axis for tensor in (*inputs, *outputs)}
        return tuple(range(len(inputs))) if axes == {self.axis} else ()

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Along the other axis where it is height or width."""
        if self.axis == 0:
            raise ValueError("it joins maps along the batch axis")
        return Exchanged(replace(self, axis={1: 2, 2: 1}.get(self.axis, self.axis)), constants)
