"""Binary arithmetic of two activations (ONNX Add, Sub, Mul, Div, Max, Min; QLinearAdd, QLinearMul)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType


def full_operand(inputs: Sequence[TensorType]) -> int:
    """The operand that has the result's shape, 0 or 1.

    The shapes are equal, or the other operand broadcasts: it has one element, or (1, 1, 1, C) against (1, H, W, C).

    Raises:
        ValueError: neither is so.
    """
    for full, other in ((0, 1), (1, 0)):
        shape, small = inputs[full].shape, inputs[other].shape
        single = inputs[other].elements == 1 and (inputs[full].elements > 1 or len(shape) >= len(small))
        if shape == small or single or (len(shape) == 4 and small == (1, 1, 1, shape[3])):
            return full
    raise ValueError(
        f"the shapes {inputs[0].shape} and {inputs[1].shape} are not equal, and neither is one element "
        "or (1, 1, 1, C) of the other"
    )


@dataclass(frozen=True)
class Elementwise(Operator):
    """``result(function(a, b))`` of two activations, by its arithmetic.

    The shapes are equal, or one operand broadcasts (``full_operand``). A constant operand makes the operator an
    ElementwiseConstant, or a Lookup where it is quantised and of one element.
    """

    kind: ClassVar[str] = "elementwise"
    onnx: ClassVar[tuple[str, ...]] = ("Add", "Sub", "Mul", "Sum")
    any_pixel_order: ClassVar[bool] = True

    function: str  # of the arithmetic's functions
    arithmetic: forms.Binary

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The shape of the operand that does not broadcast."""
        self.arithmetic.expect_operands(inputs)
        self.arithmetic.expect_function(self.function)
        if len(inputs) != 2:
            raise ValueError(f"two operands are needed, not {len(inputs)}")
        return (TensorType(inputs[full_operand(inputs)].shape, self.arithmetic.dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The arithmetic's formula, vectorised."""
        types = [TensorType(array.shape, self.arithmetic.dtype) for array in inputs]
        shape = types[full_operand(types)].shape
        lhs, rhs = (array.reshape(1) if array.size == 1 else array for array in inputs)
        return (self.arithmetic.results(self.function, lhs, rhs).reshape(shape),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i``; an operand that broadcasts has its only line read in every step."""
        output = outputs[0]
        reads = [
            each_line(output.lines) if operand.shape == output.shape else ((0,),) * output.lines for operand in inputs
        ]
        return by_line(reads, output)

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """Every operand that does not broadcast."""
        return tuple(index for index, operand in enumerate(inputs) if operand.shape == outputs[0].shape)
