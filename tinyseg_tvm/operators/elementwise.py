"""Binary arithmetic on int8 (ONNX Add, Sub, Mul; QLinearAdd, QLinearMul)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line
from tinyseg_tvm.operators.accumulators import expect_clamp, expect_int8
from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.binary_arithmetic import binary, expect_function
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Elementwise(Operator):
    """``add``, ``sub`` or ``mul`` of two int8 tensors in ONNX float32 semantics:
    ``y = clip(round_half_even(f(a', b') / output_scale) + output_zero_point, output_min, output_max)`` with
    ``a' = float32(a - lhs_zero_point) * lhs_scale``, each operation rounded to float32 (no fused multiply-add).

    Operands: ``a``, ``b``, both activations. The shapes are equal, or one operand broadcasts: it has one element, or
    (1, 1, 1, C) against (1, H, W, C). A scalar constant operand makes the operator a Lookup; any other constant
    an ElementwiseConstant.
    """

    kind: ClassVar[str] = "elementwise"
    any_pixel_order: ClassVar[bool] = True

    function: str  # "add", "sub" or "mul"
    lhs_scale: float
    lhs_zero_point: int
    rhs_scale: float
    rhs_zero_point: int
    output_scale: float
    output_zero_point: int
    output_min: int
    output_max: int

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The shape of the operand that does not broadcast."""
        expect_int8(inputs)
        expect_clamp(self.output_min, self.output_max)
        expect_function(self.function)
        if len(inputs) != 2:
            raise ValueError(f"two operands are needed, not {len(inputs)}")
        return (TensorType(inputs[self._full_operand(inputs)].shape, "int8"),)

    @staticmethod
    def _full_operand(inputs: Sequence[TensorType]) -> int:
        """The operand that has the result's shape: 0 or 1."""
        for full, other in ((0, 1), (1, 0)):
            shape, small = inputs[full].shape, inputs[other].shape
            single = inputs[other].elements == 1 and (inputs[full].elements > 1 or len(shape) >= len(small))
            if shape == small or single or (len(shape) == 4 and small == (1, 1, 1, shape[3])):
                return full
        raise ValueError(
            f"the shapes {inputs[0].shape} and {inputs[1].shape} are not equal, and neither is one element "
            "or (1, 1, 1, C) of the other"
        )

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula above, vectorised."""
        types = [TensorType(array.shape, "int8") for array in inputs]
        shape = types[self._full_operand(types)].shape
        lhs, rhs = (array.reshape(1) if array.size == 1 else array for array in inputs)
        result = binary(
            self.function,
            (lhs, self.lhs_scale, self.lhs_zero_point),
            (rhs, self.rhs_scale, self.rhs_zero_point),
            (self.output_scale, self.output_zero_point, self.output_min, self.output_max),
        )
        return (result.reshape(shape),)

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

    @property
    def cuts_at_zero(self) -> bool:
        """Where the clamp begins at the zero point."""
        return self.output_min == self.output_zero_point

    @property
    def result_quantization(self) -> tuple[float, int]:
        """As its attributes say; the scale in float32, in which it computes."""
        return float(np.float32(self.output_scale)), self.output_zero_point
