"""The window of a convolution: the lines under it, and its geometry as every kernel's parameters have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.codegen.operators.emission import Field, FunctionWriter, NodeView
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.operators import Conv2d, Dense


@dataclass(frozen=True)
class Columns:
    """Where windows lie in a line: ``outputs`` of them ``stride`` columns apart, the first at ``-before``."""

    width: int
    outputs: int
    stride: int
    before: int


@dataclass(frozen=True)
class Window:
    """The taps of a convolution: rows, taps of a row, columns from tap to tap."""

    rows: int
    taps: int
    dilation: int


def convolution_columns(view: NodeView[Conv2d]) -> Columns:
    """Of a convolution's node."""
    operator = view.operator
    return Columns(view.inputs[0].shape[2], view.outputs[0].shape[2], operator.strides[1], operator.padding[1])


def convolution_window(view: NodeView[Conv2d]) -> Window:
    """Of a convolution's node."""
    _, rows, taps, _ = view.constants["weight"].shape
    return Window(rows, taps, view.operator.dilation[1])


def piece_channels(view: NodeView[Conv2d]) -> list[int]:
    """Channels of each piece of the input."""
    return [piece.shape[3] for piece in view.inputs]


def is_depthwise(view: NodeView[Conv2d]) -> bool:
    """Whether each channel of one piece has a filter of its own."""
    channels = view.inputs[0].shape[3]
    return view.operator.groups == channels == view.outputs[0].shape[3] and len(view.inputs) == 1


POINT = Window(1, 1, 1)
"""Of a convolution whose outputs are of a pixel each."""


def vector_columns(view: NodeView[Dense]) -> Columns:
    """Of a fully connected layer whose vectors are the pixels of a line."""
    pixels = view.outputs[0].line_elements // view.constants["weight"].shape[0]
    return Columns(pixels, pixels, 1, 0)


def window_fields(columns: Columns, window: Window) -> dict[str, Field]:
    """Parameters of widths, kernel, stride, dilation and padding."""
    return {
        "input_width": columns.width,
        "output_width": columns.outputs,
        "kernel_height": window.rows,
        "kernel_width": window.taps,
        "stride": columns.stride,
        "dilation": window.dilation,
        "pad_left": columns.before,
    }


def piece_fields(channels: Sequence[int], out: FunctionWriter) -> dict[str, Field]:
    """Parameters of the input's pieces; stores the constant.

    Raises:
        TinySegError: a piece has more channels than a kernel can count.
    """
    most = np.iinfo(np.uint16).max
    if max(channels) > most:
        raise TinySegError(f"it reads {max(channels)} channels of a pixel: kernels read {most} at most")
    return {"piece_channels": out.constant("piece_channels", np.asarray(channels, np.uint16)), "pieces": len(channels)}


def convolution_fields(
    columns: Columns, window: Window, channels: Sequence[int], outputs: int, out: FunctionWriter
) -> dict[str, Field]:
    """Parameters of the geometry of a convolution from pieces of so many ``channels`` to ``outputs`` channels."""
    return {**piece_fields(channels, out), **window_fields(columns, window), "output_channels": outputs}


def declare_lines(view: NodeView[Conv2d], out: FunctionWriter) -> None:
    """Declares ``lines``: those under the window, row by row, piece by piece."""
    operator = view.operator
    out.window(
        len(view.inputs),
        view.constants["weight"].shape[1],
        stride=operator.strides[0],
        before=operator.padding[0],
        dilation=operator.dilation[0],
        extent=view.inputs[0].lines,
        steps=view.outputs[0].lines,
    )


def pixels_inside(view: NodeView[Conv2d]) -> int:
    """Pixels of an output line whose windows do not reach into the padding at the sides."""
    operator = view.operator
    reach = (view.constants["weight"].shape[2] - 1) * operator.dilation[1]
    begins = (x * operator.strides[1] - operator.padding[1] for x in range(view.outputs[0].shape[2]))
    return sum(0 <= begin < view.inputs[0].shape[2] - reach for begin in begins)
