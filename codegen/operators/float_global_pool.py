"""Pooling over a whole float32 map, taken line by line."""

from __future__ import annotations

from typing import cast

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.codegen.operators.float_emission import cycles_per_operation
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.float_global_pool import FloatGlobalPool


def _cost(view: NodeView) -> Cost:
    return Cost(0, round(cycles_per_operation(view.core) * view.inputs[0].line_elements) + 60)


def _emit(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(FloatGlobalPool, view.operator)
    _, height, width, channels = view.inputs[0].shape
    out.modules.add("tinyseg_pool2d_f32")
    parameters = out.parameters(
        view, "tinyseg_global_pool_f32", {"width": width, "lines": height, "channels": channels}
    )
    arguments = [parameters, "step", out.line(0, ctype="float"), out.state_as("float"), out.output("0u", "float")]
    out.write(f"tinyseg_global_{operator.function}_f32_line({', '.join(arguments)});")


VARIANTS = (Variant("float_global_pool", always, _cost, _emit),)
