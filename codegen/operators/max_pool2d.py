"""Max pooling."""

from __future__ import annotations

from typing import cast

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.max_pool2d import MaxPool2d


def _cost(view: NodeView) -> Cost:
    kernel = cast(MaxPool2d, view.operator).kernel
    return Cost(0, 9 * kernel[0] * kernel[1] * view.outputs[0].line_elements + 100)


def _dsp_cost(view: NodeView) -> Cost:
    kernel = cast(MaxPool2d, view.operator).kernel
    outputs = view.outputs[0]
    per_value = 4.0 if kernel == (2, 2) else 1.5 * kernel[0] * kernel[1]
    return Cost(0, round(per_value * outputs.line_elements) + 16 * outputs.shape[2])


def _suits_dsp(view: NodeView) -> bool:
    return view.core.has_dsp and view.inputs[0].shape[3] >= 4


def _emit_portable(view: NodeView, out: FunctionWriter) -> None:
    _emit(view, out, "")


def _emit_dsp(view: NodeView, out: FunctionWriter) -> None:
    _emit(view, out, "_dsp")


def _mve_cost(view: NodeView) -> Cost:
    kernel = cast(MaxPool2d, view.operator).kernel
    outputs = view.outputs[0]
    return Cost(0, round(0.2 * kernel[0] * kernel[1] * outputs.line_elements) + 15 * outputs.shape[2])


def _suits_mve(view: NodeView) -> bool:
    return view.core.has_mve


def _emit_mve(view: NodeView, out: FunctionWriter) -> None:
    _emit(view, out, "_mve")


def _emit(view: NodeView, out: FunctionWriter, family: str) -> None:
    operator = cast(MaxPool2d, view.operator)
    out.modules.add(f"tinyseg_pool2d{family}")
    parameters = out.parameters(
        view,
        "tinyseg_pool2d",
        {
            "multiplier": "NULL",
            "channels": view.inputs[0].shape[3],
            "input_width": view.inputs[0].shape[2],
            "output_width": view.outputs[0].shape[2],
            "kernel_height": operator.kernel[0],
            "kernel_width": operator.kernel[1],
            "stride": operator.strides[1],
            "dilation": operator.dilation[1],
            "pad_left": operator.padding[1],
            "input_zero_point": 0,
            "fixed_count": 0,
            "output": ("0", "-128", "127"),
        },
    )
    out.window(
        1,
        operator.kernel[0],
        stride=operator.strides[0],
        before=operator.padding[0],
        dilation=operator.dilation[0],
        extent=view.inputs[0].lines,
    )
    out.write(f"tinyseg_max_pool2d{family}_line({parameters}, lines, {out.output()});")


VARIANTS = (
    Variant("max_pool2d mve", _suits_mve, _mve_cost, _emit_mve),
    Variant("max_pool2d dsp", _suits_dsp, _dsp_cost, _emit_dsp),
    Variant("max_pool2d portable", always, _cost, _emit_portable),
)
