"""Clamps of float32."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.float_elementwise import cost
from tinyseg_tvm.codegen.operators.float_emission import clamp_value, use


def _emit(view: NodeView, out: FunctionWriter) -> None:
    use(out, "tinyseg_elementwise_f32")
    kind, low, high = clamp_value(view.operator)
    parameters = out.parameters(view, "tinyseg_clamp_f32", {"kind": kind, "minimum": low, "maximum": high})
    elements = view.outputs[0].line_elements
    source, target = out.line(0, ctype="float"), out.output(ctype="float")
    out.write(f"tinyseg_clip_f32_line({parameters}, {source}, {target}, {elements}u);")


VARIANTS = (Variant("float_clip", always, cost, _emit),)
