"""Clamps of float32 and int16."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.arithmetic import clamp_value, float_cycles, of_float32
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, line_cost
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.clip import Clip


def _cost(view: NodeView[Clip]) -> Cost:
    return Cost(0, round(1.5 * float_cycles(view.core) * view.outputs[0].line_elements) + 40)


def _emit(view: NodeView[Clip], out: FunctionWriter) -> None:
    operator = view.operator
    out.modules.update(("tinyseg_elementwise_f32", "tinyseg_fma_f32"))
    kind, low, high = clamp_value(operator.low, operator.high)
    parameters = out.parameters(view, "tinyseg_clamp_f32", {"kind": kind, "minimum": low, "maximum": high})
    elements = view.outputs[0].line_elements
    source, target = out.line(0), out.output()
    out.write(f"tinyseg_clip_f32_line({parameters}, {source}, {target}, {elements}u);")


def _of_int16(view: NodeView[Clip]) -> bool:
    return view.inputs[0].dtype == "int16"


def _emit_int16(view: NodeView[Clip], out: FunctionWriter) -> None:
    out.modules.add("tinyseg_elementwise_i16")
    bounds = f"{int(view.operator.low)}, {int(view.operator.high)}"
    out.write(f"tinyseg_clip_i16_line({bounds}, {out.line(0)}, {out.output()}, {view.outputs[0].line_elements}u);")


VARIANTS: tuple[Variant[Clip], ...] = (
    Variant("clip float32", of_float32, _cost, _emit),
    Variant("clip int16", _of_int16, line_cost(6.0), _emit_int16),
)
