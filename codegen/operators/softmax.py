"""Softmax: by a table of exponentials for integers, by a fixed function for float32."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.arithmetic import (
    of_float32,
    of_values,
    softmax_cycles,
    softmax_kernel,
    softmax_parameters,
)
from tinyseg_tvm.codegen.operators.emission import Field, FunctionWriter, NodeView, Variant
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.operators.softmax import Softmax


def _cost(view: NodeView[Softmax]) -> Cost:
    arithmetic = view.operator.arithmetic
    return Cost(0, softmax_cycles(arithmetic, view.core) * view.outputs[0].line_elements)


def _groups(view: NodeView[Softmax]) -> tuple[int, int]:
    """Vectors of a line, and their elements."""
    elements = view.inputs[0].shape[-1] if view.inputs[0].line_shape else 1
    return view.inputs[0].line_elements // elements, elements


def _emit(view: NodeView[Softmax], out: FunctionWriter) -> None:
    arithmetic = view.operator.arithmetic
    groups, elements = _groups(view)
    kernel = softmax_kernel(arithmetic)
    fields: dict[str, Field] = {"groups": groups, "elements": elements, **softmax_parameters(arithmetic, out)}
    out.modules.add(kernel)
    if "table" in view.constants:
        fields["exponentials"] = out.constant("exponentials", view.constants["table"])
    elif arithmetic.rule == onnx.RULE:
        out.modules.update(("tinyseg_functions_f32", "tinyseg_fma_f32"))
    parameters = out.parameters(view, kernel.removesuffix("_wide"), fields)
    out.write(f"{kernel}_line({parameters}, {out.line(0)}, {out.output()});")


def _emit_float(view: NodeView[Softmax], out: FunctionWriter) -> None:
    groups, elements = _groups(view)
    out.modules.update(("tinyseg_softmax_f32", "tinyseg_functions_f32", "tinyseg_fma_f32"))
    source, target = out.line(0), out.output()
    out.write(f"tinyseg_softmax_f32_line({groups}u, {elements}u, {source}, {target});")


VARIANTS: tuple[Variant[Softmax], ...] = (
    Variant("softmax portable", of_values, _cost, _emit),
    Variant("softmax float32", of_float32, _cost, _emit_float),
)
