"""Binary arithmetic on float32 (ONNX Add, Sub, Mul, Div, Max, Min)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line
from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.float_arithmetic import clamp, expect_bounds, expect_float32
from tinyseg_tvm.operators.tensor_type import TensorType

FUNCTIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": lambda a, b: np.where(a > b, a, b),
    "min": lambda a, b: np.where(a < b, a, b),
}
"""One float32 operation each; ``max`` is ``a > b ? a : b``, ``min`` is ``a < b ? a : b``."""


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


def apply(function: str, lhs: np.ndarray, rhs: np.ndarray, low: float, high: float) -> np.ndarray:
    """``clip(f(lhs, rhs), low, high)`` in float32."""
    with np.errstate(all="ignore"):
        return clamp(FUNCTIONS[function](lhs, rhs), low, high)


@dataclass(frozen=True)
class FloatElementwise(Operator):
    """``y = clip(f(a, b), output_min, output_max)`` of two activations, one float32 operation.

    The shapes are equal, or one operand broadcasts (``full_operand``).
    """

    kind: ClassVar[str] = "float_elementwise"
    any_pixel_order: ClassVar[bool] = True

    function: str  # of FUNCTIONS
    output_min: float
    output_max: float

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The shape of the operand that does not broadcast."""
        expect_float32(inputs, 2)
        expect_bounds(self.output_min, self.output_max)
        if self.function not in FUNCTIONS:
            raise ValueError(f"function {self.function!r} is none of {', '.join(FUNCTIONS)}")
        return (TensorType(inputs[full_operand(inputs)].shape, "float32"),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula above, vectorised."""
        types = [TensorType(array.shape, "float32") for array in inputs]
        shape = types[full_operand(types)].shape
        lhs, rhs = (array.reshape(1) if array.size == 1 else array for array in inputs)
        return (apply(self.function, lhs, rhs, self.output_min, self.output_max).reshape(shape),)

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
