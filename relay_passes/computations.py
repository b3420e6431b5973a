"""What rules of geometry ask of a call, whatever its arithmetic: its activations and constants, and how it computes.

A rule (``pooling.py``, ``elementwise.py``, ...) recognises windows, axes and shapes once. It is applied to
``QuantizedComputation`` by ``qdq_to_integer`` and to ``PlainComputation`` by ``float_to_operators``: how results are
made is a value of operators/arithmetic that these give.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from tinyseg_tvm.operators import Operator
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.relay_passes.expressions import Call, Expr, Var, shape_of
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.quantized_operands import to_nchw, to_nhwc
from tinyseg_tvm.relay_passes.rewriting import Rewrite, Rule


@dataclass(frozen=True)
class Computation(ABC):
    """A call, and the binding that an operator for it shall have.

    Attributes:
        rewrite: the function under construction.
        call: what computes.
        name: of the binding.
        quantization: of the result; None where it is unknown, or in float32.
    """

    rewrite: Rewrite
    call: Call
    name: str
    quantization: Quantization | None

    @classmethod
    @abstractmethod
    def of(cls, rewrite: Rewrite, value: Expr, name: str, operators: Sequence[str]) -> Computation | None:
        """The call of one of the Relax ``operators`` that makes ``value``, where it computes by this arithmetic."""

    @classmethod
    @abstractmethod
    def of_copies(cls, rewrite: Rewrite, value: Expr, name: str, operators: Sequence[str]) -> Computation | None:
        """The same of a call whose results are elements of its operand: it needs no arithmetic."""

    @abstractmethod
    def activation(self, index: int = 0) -> Expr | None:
        """The activation that operand ``index`` is, as the operator reads it."""

    @abstractmethod
    def constant(self, index: int) -> np.ndarray | None:
        """The constant that operand ``index`` is, as the operator reads it."""

    @abstractmethod
    def average(self) -> forms.Average:
        """How averages of the activation are made."""

    @abstractmethod
    def reduction(self) -> tuple[Expr, forms.Average | forms.Reduction] | None:
        """What sums, means and other reductions of the first operand read, and how they are made."""

    @abstractmethod
    def binary(self) -> forms.Binary:
        """How results of two operands are made."""

    @abstractmethod
    def product_sum(self) -> forms.ProductSum:
        """How sums of products of both activations are made."""

    @abstractmethod
    def interpolation(self) -> forms.Interpolation:
        """How resizing of the activation is made, where it sums."""

    @abstractmethod
    def softmax(self) -> tuple[forms.Softmax, dict[str, np.ndarray]]:
        """How the softmax of the activation is made, and the constants for it."""

    @abstractmethod
    def emit(
        self, operator: Operator, activations: Sequence[Expr], constants: Mapping[str, np.ndarray] | None = None
    ) -> Expr | None:
        """Binds the operator's result; None where the operator refuses its operands."""

    def in_nhwc(
        self,
        operator: Operator,
        activations: Sequence[Expr],
        constants: Mapping[str, np.ndarray] | None = None,
        layout: str = "NCHW",
    ) -> Expr | None:
        """``emit`` on feature maps of ``layout``, with the transposes they need; None where they are no such maps."""
        if layout not in ("NCHW", "NHWC") or any(len(shape_of(activation)) != 4 for activation in activations):
            return None
        operands = [to_nhwc(self.rewrite, each, self.name) if layout == "NCHW" else each for each in activations]
        result = self.emit(operator, operands, constants)
        return result if result is None or layout == "NHWC" else to_nchw(self.rewrite, result, self.name)

    def finished(self, result: Expr) -> Expr:
        """What the rule made, in the type that the call's result has."""
        return result

    def move(self, movement: Call, suffix: str) -> Var:
        """Binds a transpose or reshape of an activation or result."""
        return self.rewrite.emit(movement, f"{self.name}_{suffix}", self.rewrite.quantization.get(movement.args[0]))


Lower: TypeAlias = Callable[[Computation], "Expr | None"]


@dataclass(frozen=True)
class GeometryRule:
    """A rule for calls of the Relax ``operators``, whose results are elements of their operand if it ``copies``."""

    lower: Lower
    operators: tuple[str, ...]
    copies: bool

    def by(self, arithmetic: type[Computation]) -> Rule:
        """The rule for one arithmetic."""
        find = arithmetic.of_copies if self.copies else arithmetic.of

        def rule(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
            found = find(rewrite, value, name, self.operators)
            result = None if found is None else self.lower(found)
            return result if found is None or result is None else found.finished(result)

        return rule


def computing(*operators: str) -> Callable[[Lower], GeometryRule]:
    """Makes a rule for calls of ``operators`` of a function."""
    return lambda lower: GeometryRule(lower, operators, copies=False)


def copying(*operators: str) -> Callable[[Lower], GeometryRule]:
    """Makes a rule for calls of ``operators``, whose results are elements of their operand, of a function."""
    return lambda lower: GeometryRule(lower, operators, copies=True)
