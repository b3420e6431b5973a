"""Reductions over any axes, taken line by line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.arithmetic import (
    float_cycles,
    of_float32,
    of_int8,
    reduce_divisor,
    reduce_parameters,
)
from tinyseg_tvm.codegen.operators.emission import Field, FunctionWriter, NodeView, Variant
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.reduce import Reduce

_FUNCTIONS = {"mean": "sum"}  # kernels of functions that differ by a divisor


def _is_reduction(view: NodeView[Reduce]) -> bool:
    return isinstance(view.operator.arithmetic, forms.Reduction)


def _cycles(view: NodeView[Reduce], core: Core) -> float:
    """Of an element that is reduced."""
    function = view.operator.function
    if function == "product" or (function == "variance" and of_float32(view)):
        return (1.5 if function == "product" else 5) * float_cycles(core)
    return float_cycles(core) if of_float32(view) else 8


def _cost(view: NodeView[Reduce]) -> Cost:
    steps = view.access.steps
    elements, results = view.inputs[0].elements / steps, view.outputs[0].elements / steps
    return Cost(0, round(_cycles(view, view.core) * elements + 40 * results) + 60)


@dataclass(frozen=True)
class _Kernel:
    """A family of kernels: its module and struct, what its functions end with, and the C types of states."""

    module: str
    suffix: str
    state: Callable[[Reduce], str]


def _emit(view: NodeView[Reduce], out: FunctionWriter, kernel: _Kernel) -> None:
    operator, operand = view.operator, view.inputs[0]
    whole = view.access.whole_reads[0]
    across = not whole and operand.line_axis in operator.axes
    span = operator.span(operand.shape) if whole else operator.line_span(operand)
    count = operator.span(operand.shape).reduced
    repeats = operand.shape[-1] // operator.groups if operator.groups else 1
    numbers = (span.rows, span.middle, span.columns, span.inner, span.results, repeats, operand.lines if across else 1)
    fields: dict[str, Field] = {"span": tuple(map(str, numbers))}
    if kernel.suffix:
        fields["divisor"] = reduce_divisor(operator.function, count)
    else:
        fields |= reduce_parameters(operator.arithmetic, operator.function, count)
    out.modules.add(kernel.module)
    parameters = out.parameters(view, kernel.module, fields)
    function = _FUNCTIONS.get(operator.function, operator.function)
    arguments = [parameters, "step" if across else "0u", out.line(0, "0u" if whole else "step")]
    arguments += [out.state_as(kernel.state(operator)), out.output("0u" if across or whole else "step")]
    name = f"{kernel.module.removesuffix(kernel.suffix)}_{function}{kernel.suffix}_line"
    out.write(f"{name}({', '.join(arguments)});")


def _state_of_values(operator: Reduce) -> str:
    return "tinyseg_value" if operator.arithmetic is None else "int32_t"


def _state_of_reduction(operator: Reduce) -> str:
    return {"variance": "tinyseg_moments", "product": "float"}.get(operator.function, "int32_t")


_VALUES = _Kernel("tinyseg_reduce", "", _state_of_values)
_REDUCTION = _Kernel("tinyseg_reduction", "", _state_of_reduction)
_FLOATS = _Kernel("tinyseg_reduce_f32", "_f32", lambda _operator: "float")

VARIANTS: tuple[Variant[Reduce], ...] = (
    Variant(
        "reduce portable",
        lambda view: of_int8(view) and not _is_reduction(view),
        _cost,
        lambda view, out: _emit(view, out, _VALUES),
    ),
    Variant(
        "reduce to float32",
        lambda view: of_int8(view) and _is_reduction(view),
        _cost,
        lambda view, out: _emit(view, out, _REDUCTION),
    ),
    Variant("reduce float32", of_float32, _cost, lambda view, out: _emit(view, out, _FLOATS)),
)
