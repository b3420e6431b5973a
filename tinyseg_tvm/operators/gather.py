"""Rows of a constant table by index (ONNX Gather on axis 0: embeddings). Any element type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line, whole
from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Gather(Operator):
    """``y[i] = table[index[i]]``. A negative index counts from the end; one outside of the table is moved to its ends.

    Operand: integers int32 or int64 of any shape. Constants: ``table`` (N, ...). The result has the operand's shape
    followed by that of a row.
    """

    kind: ClassVar[str] = "gather"
    own_constants: ClassVar[tuple[str, ...]] = ("table",)

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The indices' shape, then a row's."""
        if len(inputs) != 1 or inputs[0].dtype not in ("int32", "int64"):
            raise ValueError(f"one operand of int32 or int64 is needed, not {[o.dtype for o in inputs]}")
        table = constants["table"]
        if not table.shape or 0 in table.shape:
            raise ValueError(f"the table {table.shape} has no rows")
        return (TensorType((*inputs[0].shape, *table.shape[1:]), table.dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The rows."""
        rows = len(constants["table"])
        indices = np.where(inputs[0] < 0, inputs[0] + rows, inputs[0])
        return (np.array(constants["table"][np.clip(indices, 0, rows - 1)], order="C"),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` from line ``i``, or from a single line of indices; one step where the lines differ otherwise."""
        operand, output = inputs[0], outputs[0]
        if operand.lines == 1:
            return by_line([((0,),) * output.lines], output)
        if operand.line_axis == output.line_axis and operand.lines == output.lines:
            return by_line([each_line(output.lines)], output)
        return whole(inputs, outputs)
