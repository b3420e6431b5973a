"""The window of a convolution: the lines under it, and its geometry as kernels' parameters have it."""

from __future__ import annotations

from typing import cast

import numpy as np

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView
from tinyseg_tvm.operators import Conv2d, FloatConv2d


def declare_lines(view: NodeView, out: FunctionWriter, ctype: str = "int8_t") -> None:
    """Declares ``lines``: those under the window, row by row, piece by piece."""
    operator = cast(Conv2d | FloatConv2d, view.operator)
    out.window(
        len(view.inputs),
        view.constants["weight"].shape[1],
        stride=operator.strides[0],
        before=operator.padding[0],
        dilation=operator.dilation[0],
        extent=view.inputs[0].lines,
        ctype=ctype,
    )


def geometry(view: NodeView) -> dict[str, int | float | str | tuple[str, ...]]:
    """Parameters of widths, kernel, stride, dilation and padding."""
    operator = cast(Conv2d | FloatConv2d, view.operator)
    _, rows, taps, _ = view.constants["weight"].shape
    return {
        "input_width": view.inputs[0].shape[2],
        "output_width": view.outputs[0].shape[2],
        "kernel_height": rows,
        "kernel_width": taps,
        "stride": operator.strides[1],
        "dilation": operator.dilation[1],
        "pad_left": operator.padding[1],
    }


def pieces(view: NodeView, out: FunctionWriter) -> dict[str, int | float | str | tuple[str, ...]]:
    """Parameters of the input's pieces."""
    channels = np.asarray([piece.shape[3] for piece in view.inputs], np.uint16)
    return {"piece_channels": out.constant("piece_channels", channels), "pieces": channels.size}


def pixels_inside(view: NodeView) -> int:
    """Pixels of an output line whose windows do not reach into the padding at the sides."""
    operator = cast(Conv2d | FloatConv2d, view.operator)
    reach = (view.constants["weight"].shape[2] - 1) * operator.dilation[1]
    begins = (x * operator.strides[1] - operator.padding[1] for x in range(view.outputs[0].shape[2]))
    return sum(0 <= begin < view.inputs[0].shape[2] - reach for begin in begins)
