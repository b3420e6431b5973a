"""Binary arithmetic of an activation and a constant (ONNX Add, Sub, Mul, Div, Max, Min)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import LineByLine
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.base import Exchanged, Operator
from tinyseg_tvm.operators.spatial_exchange import exchanged_constant, expect_pixels_of_channels
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class ElementwiseConstant(LineByLine, Operator):
    """Elementwise with the constant ``other`` as the left or right operand.

    Constants: ``other`` of the activation's element type, of one element (1,), one per channel (C,), or of the
    activation's shape.
    """

    kind: ClassVar[str] = "elementwise_constant"
    own_constants: ClassVar[tuple[str, ...]] = ("other",)

    function: str  # of the arithmetic's functions
    constant_is_lhs: bool
    arithmetic: forms.Binary

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The activation's shape."""
        self.arithmetic.expect_operands(inputs)
        self.arithmetic.expect_function(self.function)
        if len(inputs) != 1 or not inputs[0].shape:
            raise ValueError(f"one activation is needed, not {[operand.shape for operand in inputs]}")
        other, shape, dtype = constants["other"], inputs[0].shape, self.arithmetic.dtype
        if other.dtype != dtype or other.shape not in ((1,), shape[-1:], shape):
            raise ValueError(
                f"the constant is {other.dtype} of shape {other.shape}; {dtype} of shape (1,), {shape[-1:]} "
                f"or {shape} is needed"
            )
        return (TensorType(shape, dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The arithmetic's formula, vectorised."""
        lhs, rhs = inputs[0], constants["other"]
        if self.constant_is_lhs:
            lhs, rhs = rhs, lhs
        return (self.arithmetic.results(self.function, lhs, rhs),)

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """One element or a value per channel is the same constant; a map is exchanged."""
        other = constants["other"]
        if other.size == 1:
            return Exchanged(self, constants)
        if other.ndim == 1:
            expect_pixels_of_channels(inputs)
            return Exchanged(self, constants)
        return Exchanged(self, exchanged_constant(constants, "other"))
