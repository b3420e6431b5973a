"""Softmax in float32."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.float_emission import use
from tinyseg_tvm.network.cost import Cost


def _cost(view: NodeView) -> Cost:
    return Cost(0, (70 if view.core.has_fpu else 1500) * view.outputs[0].line_elements)


def _emit(view: NodeView, out: FunctionWriter) -> None:
    use(out, "tinyseg_softmax_f32")
    elements = view.inputs[0].shape[-1] if view.inputs[0].line_shape else 1
    groups = view.inputs[0].line_elements // elements
    source, target = out.line(0, ctype="float"), out.output(ctype="float")
    out.write(f"tinyseg_softmax_f32_line({groups}u, {elements}u, {source}, {target});")


VARIANTS = (Variant("float_softmax", always, _cost, _emit),)
