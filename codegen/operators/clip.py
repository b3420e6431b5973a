"""Clamps of float32."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.arithmetic import clamp_value, float_cycles
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
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


VARIANTS: tuple[Variant[Clip], ...] = (Variant("clip float32", always, _cost, _emit),)
