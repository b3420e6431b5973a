"""A transposed convolution as ordinary ones: of the output pixels of equal remainder by the strides each is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.codegen.operators.convolution_window import Columns, Window
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView
from tinyseg_tvm.operators.conv2d_transpose import Conv2dTranspose


def phase_taps(kernel: int, stride: int, before: int, dilation: int) -> list[list[tuple[int, int]]]:
    """Per phase (remainder of the output column by the stride): (tap, input column minus output column // stride)."""
    result = []
    for phase in range(stride):
        taps = []
        for tap in range(kernel):
            column, rest = divmod(phase + before - tap * dilation, stride)
            if rest == 0:
                taps.append((tap, column))
        result.append(taps)
    return result


@dataclass(frozen=True)
class Phase:
    """The convolution that computes output pixels of equal remainder by the stride, along one axis.

    Attributes:
        taps: kernel taps in the order of the input columns they take; equally spaced.
        first: input column of the first tap, minus the output column // stride.
        dilation: input columns from a tap to the next.
    """

    taps: tuple[int, ...]
    first: int
    dilation: int


def _phases(kernel: int, stride: int, before: int, dilation: int) -> list[Phase]:
    result = []
    for taps in phase_taps(kernel, stride, before, dilation):
        ordered = sorted(taps, key=lambda tap: tap[1])
        first = ordered[0][1] if ordered else 0
        step = ordered[1][1] - first if len(ordered) > 1 else 1
        result.append(Phase(tuple(tap for tap, _ in ordered), first, step))
    return result


def axis_phases(view: NodeView[Conv2dTranspose], axis: int) -> list[Phase]:
    """Of each remainder of the output's row (axis 0) or column (1)."""
    operator = view.operator
    kernel = view.constants["weight"].shape[1 + axis]
    return _phases(kernel, operator.strides[axis], operator.padding[axis], operator.dilation[axis])


def suits_phases(view: NodeView[Conv2dTranspose]) -> bool:
    """Whether every remainder has a convolution worth the kernels for ordinary ones."""
    operator = view.operator
    weight = view.constants["weight"]
    every_phase = all(phase.taps for axis in (0, 1) for phase in axis_phases(view, axis))
    dense = operator.groups == 1 or weight.shape[3] >= 4
    wide = view.outputs[0].shape[2] >= operator.strides[1]
    return every_phase and dense and wide


@dataclass(frozen=True)
class Part:
    """The convolution of one remainder of row and column.

    Attributes:
        row, column: the remainders.
        down, across: along each axis.
        weight: its part of the weights, (O, KH, KW, I / groups).
    """

    row: int
    column: int
    down: Phase
    across: Phase
    weight: np.ndarray

    @property
    def window(self) -> Window:
        """Its taps."""
        return Window(len(self.down.taps), len(self.across.taps), self.across.dilation)


def parts(view: NodeView[Conv2dTranspose]) -> list[Part]:
    """Of all remainders, row by row."""
    weight = view.constants["weight"]
    return [
        Part(y, x, down, across, weight[:, down.taps][:, :, across.taps])
        for y, down in enumerate(axis_phases(view, 0))
        for x, across in enumerate(axis_phases(view, 1))
    ]


def part_columns(view: NodeView[Conv2dTranspose], column: int, across: Phase) -> Columns:
    """Where the windows of the output columns of one remainder lie."""
    stride = view.operator.strides[1]
    return Columns(view.inputs[0].shape[2], -(-(view.outputs[0].shape[2] - column) // stride), 1, -across.first)


def declare_phase_lines(view: NodeView[Conv2dTranspose], out: FunctionWriter) -> None:
    """Declare ``lines``: the input line that each kernel row takes of those that this output line takes, or NULL."""
    stride = view.operator.strides[0]
    phases = axis_phases(view, 0)
    most = max(len(phase.taps) for phase in phases)
    alike = all(len(phase.taps) == most for phase in phases)
    table = f"{out.symbol}_rows"
    entries = ", ".join(f"{{{p.first}, {p.dilation}, {len(p.taps)}}}" for p in phases)
    out.definitions.append(
        f"/* per remainder of the line: first input line, lines from tap to tap, taps */\n"
        f"static const int16_t {table}[{stride}][3] = {{{entries}}};"
    )
    inside = f"{'' if alike else 'row < rows[2] && '}y >= 0 && y < {view.inputs[0].lines}"
    out.write(
        f"const int8_t *lines[{most}];",
        f"const int16_t *const rows = {table}[{'0' if stride == 1 else f'step % {stride}u'}];",
        f"for (int32_t row = 0; row < {most}; ++row) {{",
        f"    const int32_t y = (int32_t)({'step' if stride == 1 else f'step / {stride}u'}) + rows[0] + row * rows[1];",
        f"    lines[row] = {inside} ? {out.line(0, '(uint32_t)y')} : NULL;",
        "}",
    )
