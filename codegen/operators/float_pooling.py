"""What the emitters of float32 pooling share."""

from __future__ import annotations

import math
from typing import cast

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView
from tinyseg_tvm.codegen.operators.float_emission import cycles_per_operation
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.float_average_pool2d import FloatAveragePool2d
from tinyseg_tvm.operators.float_max_pool2d import FloatMaxPool2d

Pool = FloatMaxPool2d | FloatAveragePool2d


def window_cost(view: NodeView) -> Cost:
    """An operation per tap and value."""
    taps = math.prod(cast(Pool, view.operator).kernel)
    return Cost(0, round(cycles_per_operation(view.core) * taps * view.outputs[0].line_elements) + 100)


def emit_window(
    view: NodeView, out: FunctionWriter, operator: Pool, function: str, *, dilation: tuple[int, int], fixed_count: int
) -> None:
    """Write the call of ``tinyseg_<function>_pool2d_f32_line``."""
    out.modules.add("tinyseg_pool2d_f32")
    parameters = out.parameters(
        view,
        "tinyseg_pool2d_f32",
        {
            "channels": view.inputs[0].shape[3],
            "input_width": view.inputs[0].shape[2],
            "output_width": view.outputs[0].shape[2],
            "kernel_height": operator.kernel[0],
            "kernel_width": operator.kernel[1],
            "stride": operator.strides[1],
            "dilation": dilation[1],
            "pad_left": operator.padding[1],
            "fixed_count": fixed_count,
        },
    )
    out.window(
        1,
        operator.kernel[0],
        stride=operator.strides[0],
        before=operator.padding[0],
        dilation=dilation[0],
        extent=view.inputs[0].lines,
        ctype="float",
    )
    out.write(f"tinyseg_{function}_pool2d_f32_line({parameters}, lines, {out.output(ctype='float')});")
