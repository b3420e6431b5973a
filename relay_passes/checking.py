"""How a module is checked against a contract: conditions, where they are not met, and the error that says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import tvm
from tvm import relax

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.operators import TensorType
from tinyseg_tvm.relay_passes.dataflow import MAIN, Binding, Dataflow
from tinyseg_tvm.relay_passes.expressions import (
    Call,
    Expr,
    Module,
    Pass,
    Type,
    Var,
    is_constant,
)
from tinyseg_tvm.relay_passes.quantization import QUANTIZATION_ATTRIBUTE
from tinyseg_tvm.relay_passes.rewriting import module_pass


@dataclass(frozen=True)
class Breach:
    """A condition that is not met: at which binding (or parameter, or port), and what is there."""

    where: str
    what: str


@dataclass(frozen=True)
class Form:
    """A module as the conditions look at it; ``main`` is read once."""

    module: Module

    @cached_property
    def flow(self) -> Dataflow:
        """The function ``main``."""
        return Dataflow.of(self.module)

    @cached_property
    def calls(self) -> list[tuple[Binding, Call, str]]:
        """The bindings that call an operator, with its name (``relax.`` left out)."""
        calls = [
            (bound, bound.value, bound.value.op) for bound in self.flow.bindings if isinstance(bound.value, relax.Call)
        ]
        return [
            (binding, call, operator.name.removeprefix("relax."))
            for binding, call, operator in calls
            if isinstance(operator, tvm.ir.Op)
        ]

    @cached_property
    def variables(self) -> list[Var]:
        """Parameters and bound variables."""
        return [*self.flow.params, *(binding.var for binding in self.flow.bindings)]

    @cached_property
    def names(self) -> list[str]:
        """Their names."""
        return [str(variable.name) for variable in self.variables]

    @cached_property
    def quantization(self) -> Mapping[str, Any]:
        """Scale and zero point by name, as recorded."""
        return {str(name): pair for name, pair in self.flow.attrs.get(QUANTIZATION_ATTRIBUTE, {}).items()}

    @cached_property
    def _types(self) -> dict[Var, tuple[TensorType, ...]]:
        return {}

    def types_of(self, operand: Expr) -> tuple[TensorType, ...]:
        """The types of a constant, or of a variable's tensors (several where it is a tuple)."""
        if is_constant(operand):
            return (TensorType(tuple(operand.value.shape), str(operand.value.dtype)),)
        found = self._types.get(operand)
        if found is None:
            found = self._types[operand] = tuple(
                TensorType(tuple(map(int, part.shape.values)), str(part.dtype)) for part in parts(operand.ty)
            )
        return found


Condition: TypeAlias = Callable[[Form], Iterator[Breach]]


@dataclass(frozen=True)
class Contract:
    """The conditions of a form, in the order in which they are checked: later ones may rely on earlier ones.

    ``promised_by`` is the attribute of ``main`` without which nobody promises the form: a module made by hand has none.
    """

    form: str
    conditions: tuple[Condition, ...]
    promised_by: str = ""


def check(module: Module, contract: Contract, passes: Sequence[str] = ()) -> None:
    """Check a contract.

    Args:
        module: in the form that the contract is about.
        contract: its conditions.
        passes: names of the passes that ran since the contract before, for the message.

    Raises:
        TinySegError: the first condition that is broken, where, and after which passes.
    """
    if contract.promised_by and not _has_attribute(module, contract.promised_by):
        return
    form = Form(module)
    for condition in contract.conditions:
        for breach in condition(form):
            ran = f"these passes: {', '.join(passes)}" if passes else "no pass"
            raise TinySegError(
                f"internal: the {contract.form} is broken at {breach.where!r}: {breach.what} "
                f"({condition.__name__}), after {ran}; please report this model"
            )


def checked(contract: Contract, passes: Iterable[Pass] = ()) -> Pass:
    """A pass that checks ``contract`` behind ``passes`` and gives the module back as it is."""
    names = [str(step.info.name).removeprefix("tinyseg.") for step in passes]

    @module_pass(contract.form.replace(" ", "_"))
    def transform(module: Module) -> Module:
        check(module, contract, names)
        return module

    return transform


def _has_attribute(module: Module, name: str) -> bool:
    return any(
        variable.name_hint == MAIN and module[variable].attrs is not None and name in module[variable].attrs
        for variable in module.get_global_vars()
    )


def parts(kind: Type) -> tuple[Type, ...]:
    """The types in a tuple's type, or the type itself."""
    return sum(map(parts, kind.fields), ()) if isinstance(kind, relax.TupleType) else (kind,)
