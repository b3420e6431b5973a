"""Transposed convolution of one group as scheduled TVM programs (scheduled_windows.py)."""

from __future__ import annotations

from collections.abc import Sequence

from tinyseg_tvm.codegen.operators.convolution_window import POINT, Columns, Window
from tinyseg_tvm.codegen.operators.emission import NodeView
from tinyseg_tvm.codegen.operators.scheduled_convolution import Call, convolution_of
from tinyseg_tvm.codegen.operators.scheduled_windows import scheduled_variants
from tinyseg_tvm.codegen.operators.transposed_geometry import (
    Phase,
    axis_phases,
    declare_phase_lines,
    part_columns,
    suits_phases,
)
from tinyseg_tvm.operators.conv2d_transpose import Conv2dTranspose


def transposed_calls(view: NodeView[Conv2dTranspose]) -> tuple[Call, ...]:
    """Ordinary convolutions of one group that a node is; none if it is not made of such."""
    operator = view.operator
    if operator.groups != 1 or not suits_phases(view):
        return ()
    moved = any(operator.padding) or any(operator.output_padding) or operator.dilation != (1, 1)
    if not moved and operator.strides == view.constants["weight"].shape[1:3]:
        return (_without_overlap(view),)
    rows = [len(phase.taps) for phase in axis_phases(view, 0)]
    if len(set(rows)) == 1:
        return _calls_of(view, list(enumerate(axis_phases(view, 0))), "")
    calls: list[Call] = []
    for y, down in enumerate(axis_phases(view, 0)):
        calls += _calls_of(view, [(y, down)], f"step % {len(rows)}u == {y}u")
    return tuple(calls)


def _without_overlap(view: NodeView[Conv2dTranspose]) -> Call:
    """Each kernel row makes its own output line, whose pixels' taps are channels of one."""
    weight = view.constants["weight"]
    outputs, rows, taps, channels = weight.shape
    width = view.inputs[0].shape[2]
    by_row = [weight[:, row].transpose(1, 0, 2).reshape(taps * outputs, 1, 1, channels) for row in range(rows)]
    columns = Columns(width, width, 1, 0)
    step = taps * outputs
    return Call(convolution_of(view, by_row, [channels], columns, POINT, padded=False, output_step=step, repeated=taps))


def _calls_of(view: NodeView[Conv2dTranspose], downs: Sequence[tuple[int, Phase]], condition: str) -> tuple[Call, ...]:
    """Convolutions of each remainder of the output column, for remainders of the output row with taps alike."""
    outputs = view.outputs[0].shape[3]
    calls = []
    for x, across in enumerate(axis_phases(view, 1)):
        convolution = convolution_of(
            view,
            [view.constants["weight"][:, down.taps][:, :, across.taps] for _, down in downs],
            [view.inputs[0].shape[3]],
            part_columns(view, x, across),
            Window(len(downs[0][1].taps), len(across.taps), across.dilation),
            padded=_meets_padding(view),
            output_step=outputs * view.operator.strides[1],
        )
        calls.append(Call(convolution, x * outputs, condition, len(downs) / view.operator.strides[0]))
    return tuple(calls)


def _meets_padding(view: NodeView[Conv2dTranspose]) -> bool:
    """Whether a line that a kernel row takes may be none of the input's."""
    phases = axis_phases(view, 0)
    for y, phase in enumerate(phases):
        last = (view.outputs[0].lines - 1 - y) // len(phases) + phase.first + (len(phase.taps) - 1) * phase.dilation
        if phase.first < 0 or last >= view.inputs[0].lines:
            return True
    return False


TILES = scheduled_variants("conv2d_transpose", transposed_calls, declare_phase_lines)
