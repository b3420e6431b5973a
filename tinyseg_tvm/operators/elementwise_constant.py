"""Binary arithmetic of int8 with a constant per channel (ONNX Add, Sub, Mul)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line
from tinyseg_tvm.operators.accumulators import expect_clamp, expect_int8
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.binary_arithmetic import binary, expect_function
from tinyseg_tvm.operators.spatial_exchange import exchanged_constant, expect_pixels_of_channels
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class ElementwiseConstant(Operator):
    """Elementwise with the constant ``other`` (int8, broadcastable to the activation) as the left or right operand.

    Arithmetic as in Elementwise. Constants: ``other`` (C,) or the activation's shape.
    """

    kind: ClassVar[str] = "elementwise_constant"
    own_constants: ClassVar[tuple[str, ...]] = ("other",)

    function: str  # "add", "sub" or "mul"
    lhs_scale: float
    lhs_zero_point: int
    rhs_scale: float
    rhs_zero_point: int
    output_scale: float
    output_zero_point: int
    output_min: int
    output_max: int
    constant_is_lhs: bool

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The activation's shape."""
        expect_int8(inputs)
        expect_clamp(self.output_min, self.output_max)
        expect_function(self.function)
        if len(inputs) != 1 or not inputs[0].shape:
            raise ValueError(f"one activation is needed, not {[operand.shape for operand in inputs]}")
        other = constants["other"]
        if other.dtype != "int8" or other.shape not in ((inputs[0].shape[-1],), inputs[0].shape):
            raise ValueError(
                f"the constant is {other.dtype} of shape {other.shape}; int8 of shape ({inputs[0].shape[-1]},) "
                f"or {inputs[0].shape} is needed"
            )
        return (TensorType(inputs[0].shape, "int8"),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula of Elementwise, vectorised."""
        lhs, rhs = inputs[0], constants["other"]
        if self.constant_is_lhs:
            lhs, rhs = rhs, lhs
        result = binary(
            self.function,
            (lhs, self.lhs_scale, self.lhs_zero_point),
            (rhs, self.rhs_scale, self.rhs_zero_point),
            (self.output_scale, self.output_zero_point, self.output_min, self.output_max),
        )
        return (result,)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i``."""
        return by_line([each_line(inputs[0].lines)], outputs[0])

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """Always."""
        return (0,)

    @property
    def cuts_at_zero(self) -> bool:
        """Where the clamp begins at the zero point."""
        return self.output_min == self.output_zero_point

    @property
    def result_quantization(self) -> tuple[float, int]:
        """As its attributes say; the scale in float32, in which it computes."""
        return float(np.float32(self.output_scale)), self.output_zero_point

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """One element or a value per channel is the same constant; a map is exchanged."""
        other = constants["other"]
        if other.size == 1:
            return Exchanged(self, constants)
        if other.ndim == 1:
            expect_pixels_of_channels(inputs)
            return Exchanged(self, constants)
        return Exchanged(self, exchanged_constant(constants, "other"))
