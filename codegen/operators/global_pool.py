"""Pooling over a whole map, taken line by line."""

from __future__ import annotations

from typing import cast

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.operators.global_pool import GlobalPool
from tinyseg_tvm.operators.requantize import average_multiplier


def _emit(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(GlobalPool, view.operator)
    _, height, width, channels = view.inputs[0].shape
    average = operator.function == "average"
    out.modules.add("tinyseg_global_pool")
    multiplier = average_multiplier(operator.input_scale, operator.output_scale, height * width)
    parameters = out.parameters(
        view,
        "tinyseg_global_pool",
        {
            "multiplier": float(multiplier) if average else 0.0,
            "width": width,
            "lines": height,
            "channels": channels,
            "zero": height * width * operator.input_zero_point if average else 0,
            "output": (str(operator.output_zero_point), "-128", "127"),
        },
    )
    state = out.state_as("int32_t" if average else "int8_t")
    out.write(
        f"tinyseg_global_{operator.function}_line({parameters}, step, {out.line(0)}, {state}, {out.output('0u')});"
    )


VARIANTS = (Variant("global_pool portable", always, line_cost(6.0), _emit),)
