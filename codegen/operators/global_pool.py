"""Pooling over a whole map, taken line by line."""

from __future__ import annotations

from typing import cast

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, line_cost
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.arithmetic.onnx import average_multiplier
from tinyseg_tvm.operators.global_pool import GlobalPool


def _is_average(view: NodeView) -> bool:
    return cast(GlobalPool, view.operator).function == "average"


def _suits_dsp(view: NodeView) -> bool:
    return view.core.has_dsp and _is_average(view) and view.inputs[0].shape[3] >= 4


def _dsp_cost(view: NodeView) -> Cost:
    _, _, width, channels = view.inputs[0].shape
    return Cost(0, round(2.5 * width * channels) + 40 * channels + 20)


def _suits_mve(view: NodeView) -> bool:
    return view.core.has_mve and _is_average(view)


def _emit_average(view: NodeView, out: FunctionWriter, family: str) -> None:
    _emit(view, out, f"tinyseg_average_{family}", f"_{family}")


def _emit(view: NodeView, out: FunctionWriter, module: str = "tinyseg_global_pool", family: str = "") -> None:
    operator = cast(GlobalPool, view.operator)
    _, height, width, channels = view.inputs[0].shape
    average = operator.function == "average"
    out.modules.add(module)
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
    kernel = f"tinyseg_global_{operator.function}{family}_line"
    out.write(f"{kernel}({parameters}, step, {out.line(0)}, {state}, {out.output('0u')});")


VARIANTS = (
    Variant("global_pool mve", _suits_mve, line_cost(1.0), lambda view, out: _emit_average(view, out, "mve")),
    Variant("global_pool dsp", _suits_dsp, _dsp_cost, lambda view, out: _emit_average(view, out, "dsp")),
    Variant("global_pool portable", always, line_cost(11.5), _emit),
)
