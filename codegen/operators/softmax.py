"""Softmax by table, in float32."""

from __future__ import annotations

from typing import cast

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, as_float
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.softmax import Softmax


def _cost(view: NodeView) -> Cost:
    return Cost(0, (60 if view.core.has_fpu else 600) * view.outputs[0].line_elements)


def _emit(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(Softmax, view.operator)
    out.modules.add("tinyseg_softmax")
    elements = view.inputs[0].shape[-1] if view.inputs[0].line_shape else 1
    parameters = out.parameters(
        view,
        "tinyseg_softmax",
        {
            "exponentials": out.constant("exponentials", view.constants["table"]),
            "output_scale": as_float(operator.output_scale),
            "groups": view.inputs[0].line_elements // elements,
            "elements": elements,
            "output": (str(operator.output_zero_point), "-128", "127"),
        },
    )
    out.write(f"tinyseg_softmax_line({parameters}, {out.line(0)}, {out.output()});")


VARIANTS = (Variant("softmax portable", always, _cost, _emit),)
