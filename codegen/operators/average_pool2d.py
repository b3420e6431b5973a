"""Average pooling."""

from __future__ import annotations

from typing import cast

import numpy as np

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, always, requantize_cycles
from tinyseg_tvm.network.problem import Cost
from tinyseg_tvm.operators.average_pool2d import AveragePool2d
from tinyseg_tvm.operators.requantize import average_multiplier


def _cost(view: NodeView) -> Cost:
    kernel = cast(AveragePool2d, view.operator).kernel
    per_value = 7 * kernel[0] * kernel[1] + 20 + requantize_cycles(view.core)
    return Cost(0, per_value * view.outputs[0].line_elements + 100)


def _emit(view: NodeView, out: FunctionWriter) -> None:
    operator = cast(AveragePool2d, view.operator)
    pixels = operator.kernel[0] * operator.kernel[1]
    fixed = operator.count_include_pad or not any(operator.padding)
    counts = np.asarray([pixels]) if fixed else np.arange(1, pixels + 1)
    out.modules.add("tinyseg_pool2d")
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
    out.write(f"tinyseg_average_pool2d_line({parameters}, lines, {out.output()});")


VARIANTS = (Variant("average_pool2d portable", always, _cost, _emit),)
