"""Average pooling."""

from __future__ import annotations

from typing import cast

import numpy as np

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, requantize_cycles
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.arithmetic.onnx import average_multiplier
from tinyseg_tvm.operators.average_pool2d import AveragePool2d


def _cost(view: NodeView) -> Cost:
    kernel = cast(AveragePool2d, view.operator).kernel
    per_value = 7 * kernel[0] * kernel[1] + 20 + requantize_cycles(view.core)
    return Cost(0, per_value * view.outputs[0].line_elements + 100)


MOST_PIXELS = 255  # of a window whose sum is a 16 bit number


def _is_small(view: NodeView) -> bool:
    kernel = cast(AveragePool2d, view.operator).kernel
    return kernel[0] * kernel[1] <= MOST_PIXELS


def _suits_dsp(view: NodeView) -> bool:
    return view.core.has_dsp and _is_small(view) and view.inputs[0].shape[3] >= 4


def _dsp_cost(view: NodeView) -> Cost:
    kernel = cast(AveragePool2d, view.operator).kernel
    per_value = 1.7 * kernel[0] * kernel[1] + 3 * kernel[0] + 11 + requantize_cycles(view.core)
    return Cost(0, round(per_value * view.outputs[0].line_elements) + 30 * view.outputs[0].shape[2])


def _suits_mve(view: NodeView) -> bool:
    return view.core.has_mve and _is_small(view)


def _mve_cost(view: NodeView) -> Cost:
    kernel = cast(AveragePool2d, view.operator).kernel
    outputs = view.outputs[0]
    vectors = -(-outputs.shape[3] // 8) * outputs.shape[2]
    return Cost(0, round((5 * kernel[0] * kernel[1] + 5 * kernel[0] + 25) * vectors) + 30 * outputs.shape[2])


def _emit(view: NodeView, out: FunctionWriter, module: str = "tinyseg_pool2d", family: str = "") -> None:
    operator = cast(AveragePool2d, view.operator)
    pixels = operator.kernel[0] * operator.kernel[1]
    fixed = operator.count_include_pad or not any(operator.padding)
    counts = np.asarray([pixels]) if fixed else np.arange(1, pixels + 1)
    out.modules.add(module)
    parameters = out.parameters(
        view,
        "tinyseg_pool2d",
        {
            "multiplier": out.constant(
                "multiplier", average_multiplier(operator.input_scale, operator.output_scale, counts)
            ),
            "channels": view.inputs[0].shape[3],
            "input_width": view.inputs[0].shape[2],
            "output_width": view.outputs[0].shape[2],
            "kernel_height": operator.kernel[0],
            "kernel_width": operator.kernel[1],
            "stride": operator.strides[1],
            "dilation": 1,
            "pad_left": operator.padding[1],
            "input_zero_point": operator.input_zero_point,
            "fixed_count": int(fixed),
            "output": (str(operator.output_zero_point), "-128", "127"),
        },
    )
    out.window(
        1,
        operator.kernel[0],
        stride=operator.strides[0],
        before=operator.padding[0],
        dilation=1,
        extent=view.inputs[0].lines,
    )
    out.write(f"tinyseg_average_pool2d{family}_line({parameters}, lines, {out.output()});")


def _emit_family(view: NodeView, out: FunctionWriter, family: str) -> None:
    _emit(view, out, f"tinyseg_average_{family}", f"_{family}")


VARIANTS = (
    Variant("average_pool2d mve", _suits_mve, _mve_cost, lambda view, out: _emit_family(view, out, "mve")),
    Variant("average_pool2d dsp", _suits_dsp, _dsp_cost, lambda view, out: _emit_family(view, out, "dsp")),
    Variant("average_pool2d portable", always, _cost, _emit),
)
