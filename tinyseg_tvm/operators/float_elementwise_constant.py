"""Binary arithmetic of float32 with a constant (ONNX Add, Sub, Mul, Div, Max, Min)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.float_arithmetic import expect_bounds, expect_float32
from tinyseg_tvm.operators.float_elementwise import FUNCTIONS, apply
from tinyseg_tvm.operators.spatial_exchange import exchanged_constant, expect_pixels_of_channels
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class FloatElementwiseConstant(Operator):
    """FloatElementwise with the constant ``other`` as the left or right operand.

    Constants: ``other`` float32, of one element (1,), one per channel (C,), or of the activation's shape.
    """

    kind: ClassVar[str] = "float_elementwise_constant"
    own_constants: ClassVar[tuple[str, ...]] = ("other",)

    function: str  # of float_elementwise.FUNCTIONS
    output_min: float
    output_max: float
    constant_is_lhs: bool

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The activation's shape."""
        expect_float32(inputs, 1)
        expect_bounds(self.output_min, self.output_max)
        if self.function not in FUNCTIONS:
            raise ValueError(f"function {self.function!r} is none of {', '.join(FUNCTIONS)}")
        other, shape = constants["other"], inputs[0].shape
        if other.dtype != "float32" or other.shape not in ((1,), shape[-1:], shape):
            raise ValueError(
                f"the constant is {other.dtype} of shape {other.shape}; float32 of shape (1,), {shape[-1:]} "
                f"or {shape} is needed"
            )
        return (TensorType(shape, "float32"),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula of FloatElementwise, vectorised."""
        lhs, rhs = inputs[0], constants["other"]
        if self.constant_is_lhs:
            lhs, rhs = rhs, lhs
        return (apply(self.function, lhs, rhs, self.output_min, self.output_max).reshape(inputs[0].shape),)

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

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """One element or a value per channel is the same constant; a map is exchanged."""
        other = constants["other"]
        if other.size == 1:
            return Exchanged(self, constants)
        if other.ndim == 1:
            expect_pixels_of_channels(inputs)
            return Exchanged(self, constants)
        return Exchanged(self, exchanged_constant(constants, "other"))
