"""Computations of float32 as they stand, without quantisation: by the rule ``float32``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.operators import Operator
from tinyseg_tvm.operators.arithmetic import float32, forms
from tinyseg_tvm.operators.arithmetic.float32 import FLOAT32_MAX
from tinyseg_tvm.relay_passes.computations import Computation
from tinyseg_tvm.relay_passes.expressions import Expr, array_of, is_call, is_constant
from tinyseg_tvm.relay_passes.float_operands import emit_operator, is_float
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

    def binary(self) -> float32.Binary:
        """Not clamped."""
        return float32.Binary(-FLOAT32_MAX, FLOAT32_MAX)

    def interpolation(self) -> forms.Interpolation | None:
        """There is none: bilinear resizing of float32 is left to the long tail."""
        return None

    def softmax(self) -> tuple[float32.Softmax, dict[str, np.ndarray]]:
        """Without constants."""
        return float32.Softmax(), {}

    def emit(
        self, operator: Operator, activations: Sequence[Expr], constants: Mapping[str, np.ndarray] | None = None
    ) -> Expr | None:
        """In float32."""
        return emit_operator(self.rewrite, operator, activations, constants or {}, name=self.name)
