"""Convolution of one group as scheduled TVM programs (scheduled_windows.py)."""

from __future__ import annotations

from tinyseg_tvm.codegen.operators.convolution_window import (
    convolution_columns,
    convolution_window,
    declare_lines,
    piece_channels,
)
from tinyseg_tvm.codegen.operators.emission import NodeView
from tinyseg_tvm.codegen.operators.scheduled_convolution import Call, convolution_of
from tinyseg_tvm.codegen.operators.scheduled_windows import scheduled_variants
from tinyseg_tvm.operators.conv2d import Conv2d


def _calls(view: NodeView[Conv2d]) -> tuple[Call, ...]:
    if view.operator.groups != 1:
        return ()
    top, _, bottom, _ = view.operator.padding
    convolution = convolution_of(
        view,
        [view.constants["weight"]],
        piece_channels(view),
        convolution_columns(view),
        convolution_window(view),
        padded=bool(top or bottom),
        output_step=view.outputs[0].shape[3],
    )
    return (Call(convolution),)


TILES = scheduled_variants("conv2d", _calls, declare_lines)
