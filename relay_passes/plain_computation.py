"""Computations of float32 as they stand, without quantisation: by the rule ``float32``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.operators import Dequantize, Operator
from tinyseg_tvm.operators.arithmetic import float32, forms, onnx
from tinyseg_tvm.operators.arithmetic.float32 import FLOAT32_MAX
from tinyseg_tvm.relay_passes.computations import Computation
from tinyseg_tvm.relay_passes.expressions import Expr, array_of, dtype_of, is_call, is_constant
from tinyseg_tvm.relay_passes.float_operands import emit_operator, is_float
from tinyseg_tvm.relay_passes.operator_calls import called_operator
from tinyseg_tvm.relay_passes.operators_registration import activations_of
from tinyseg_tvm.relay_passes.rewriting import Rewrite


@dataclass(frozen=True)
class PlainComputation(Computation):
    """A call of float32 of static shape."""

    @classmethod
    def of(cls, rewrite: Rewrite, value: Expr, name: str, operators: Sequence[str]) -> Computation | None:
        """The call itself."""
        if not is_call(value, *operators) or not all(is_float(each) for each in (value, value.args[0])):
            return None
        return cls(rewrite, value, name, None)

    @classmethod
    def of_copies(cls, rewrite: Rewrite, value: Expr, name: str, operators: Sequence[str]) -> Computation | None:
        """The same."""
        return cls.of(rewrite, value, name, operators)

    def activation(self, index: int = 0) -> Expr | None:
        """float32."""
        operand = self.call.args[index]
        return operand if is_float(operand) and not is_constant(operand) else None

    def constant(self, index: int) -> np.ndarray | None:
        """float32."""
        operand = self.call.args[index]
        return array_of(operand) if is_constant(operand) and is_float(operand) else None

    def average(self) -> float32.Average:
        """Sums in order, divided."""
        return float32.Average()

    def reduction(self) -> tuple[Expr, forms.Reduction] | None:
        """Of the integers that the operand stands for, where it is dequantised."""
        activation = self.activation()
        source = None if activation is None else called_operator(self.rewrite.producer(activation))
        if activation is None or not isinstance(source, Dequantize):
            return None if activation is None else (activation, float32.Reduction())
        operand = activations_of(self.rewrite.producer(activation))[0]
        if dtype_of(operand) != "int8":
            return activation, float32.Reduction()
        return operand, onnx.Reduction(source.scale, source.zero_point)

    def binary(self) -> float32.Binary:
        """Not clamped."""
        return float32.Binary(-FLOAT32_MAX, FLOAT32_MAX)

    def product_sum(self) -> float32.ProductSum:
        """Not clamped."""
        return float32.ProductSum(-FLOAT32_MAX, FLOAT32_MAX)

    def interpolation(self) -> float32.Interpolation:
        """Fused sums in order."""
        return float32.Interpolation()

    def softmax(self) -> tuple[float32.Softmax, dict[str, np.ndarray]]:
        """Without constants."""
        return float32.Softmax(), {}

    def emit(
        self, operator: Operator, activations: Sequence[Expr], constants: Mapping[str, np.ndarray] | None = None
    ) -> Expr | None:
        """In float32."""
        return emit_operator(self.rewrite, operator, activations, constants or {}, name=self.name)
