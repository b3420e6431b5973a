"""A ``relax.tinyseg`` call taken apart: operator, activation operands, constants; and put together again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tinyseg_tvm.operators import Operator
from tinyseg_tvm.relay_passes import operators_registration as registration
from tinyseg_tvm.relay_passes.expressions import Call, Expr, Var
from tinyseg_tvm.relay_passes.rewriting import Rewrite


@dataclass(frozen=True)
class OperatorCall:
    """An operator with its activation operands (Relax expressions) and its constants by name."""

    operator: Operator
    activations: tuple[Expr, ...]
    constants: Mapping[str, np.ndarray]

    def to_relax(self) -> Call:
        """The Relax call."""
        constants = [registration.stored(self.constants[name]) for name in self.operator.constant_names]
        return registration.call(self.operator, *self.activations, *constants)

    def on(self, *activations: Expr) -> OperatorCall:
        """The same operator on other operands."""
        return replace(self, activations=activations)

    def with_operator(self, operator: Operator) -> OperatorCall:
        """Another operator on the same operands and constants."""
        return replace(self, operator=operator)


def operator_call(expression: Expr | None) -> OperatorCall | None:
    """The tinyseg operator that a Relax expression calls, or None."""
    if not registration.is_operator_call(expression):
        return None
    return OperatorCall(
        registration.operator_of(expression),
        tuple(registration.activations_of(expression)),
        registration.constants_of(expression),
    )


def called_operator(expression: Expr | None) -> Operator | None:
    """The operator of ``operator_call`` alone."""
    return registration.operator_of(expression) if registration.is_operator_call(expression) else None


def emit_operator(rewrite: Rewrite, name: str, operator: Operator, *activations: Expr, **constants: np.ndarray) -> Var:
    """Bind ``operator`` on ``activations`` to a variable called ``name``."""
    return rewrite.emit(OperatorCall(operator, activations, constants).to_relax(), name)
