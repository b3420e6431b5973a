"""A ``relax.tinyseg`` call taken apart: operator, activation operands, constants; and put together again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tvm import relax

from tinyseg_tvm.operators import Operator
from tinyseg_tvm.relay_passes import operators_registration as registration


@dataclass(frozen=True)
class OperatorCall:
    """An operator with its activation operands (Relax expressions) and its constants by name."""

    operator: Operator
    activations: tuple[Any, ...]
    constants: Mapping[str, np.ndarray]

    def to_relax(self) -> Any:
        """The Relax call."""
        constants = [relax.const(np.asarray(self.constants[name], order="C")) for name in self.operator.constant_names]
        return registration.call(self.operator, *self.activations, *constants)

    def on(self, *activations: Any) -> OperatorCall:
        """The same operator on other operands."""
        return replace(self, activations=activations)


def operator_call(expression: Any) -> OperatorCall | None:
    """The tinyseg operator that a Relax expression calls, or None."""
    if not registration.is_operator_call(expression):
        return None
    return OperatorCall(
        registration.operator_of(expression),
        tuple(registration.activations_of(expression)),
        registration.constants_of(expression),
    )


def emit_operator(writer: Any, name: str, operator: Operator, *activations: Any, **constants: np.ndarray) -> Any:
    """Bind ``operator`` on ``activations`` to a variable called ``name`` in a dataflow.Rewriter."""
    return writer.emit(OperatorCall(operator, activations, constants).to_relax(), name)
