"""Depthwise convolutions as scheduled TVM programs (codegen/programs/channels), by the micro-kernels of each core.

Staging the columns of many pixels at a time costs less than those of few, and takes more memory; that of a few is also
offered on the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.arithmetic import WeightedSum, of_fixed_point, requantize_cycles, shifts_right
from tinyseg_tvm.codegen.operators.convolution_window import (
    convolution_columns,
    convolution_window,
    declare_lines,
    is_depthwise,
)
from tinyseg_tvm.codegen.operators.emission import NodeView
from tinyseg_tvm.codegen.operators.scheduled_convolution import Call, Convolution, convolution_of
from tinyseg_tvm.codegen.operators.scheduled_programs import Family, program_variant
from tinyseg_tvm.codegen.programs.channels.direct_columns import DirectSum
from tinyseg_tvm.codegen.programs.channels.dsp_columns import DspSum
from tinyseg_tvm.codegen.programs.channels.dsp_kernels import DspChannelKernel
from tinyseg_tvm.codegen.programs.channels.kernels import ChannelKernel
from tinyseg_tvm.codegen.programs.channels.mve_columns import MveSum
from tinyseg_tvm.codegen.programs.channels.mve_kernels import MveChannelKernel
from tinyseg_tvm.codegen.programs.channels.mve_lanes import LanesSum, MveLanesKernel
from tinyseg_tvm.codegen.programs.channels.program import ChannelProgram
from tinyseg_tvm.codegen.programs.channels.sum import ChannelSum
from tinyseg_tvm.codegen.programs.channels.v7m_kernels import V7mChannelKernel
from tinyseg_tvm.codegen.programs.tiled import cycles, ranked
from tinyseg_tvm.operators.conv2d import Conv2d

SOME_PIXELS = 16  # of runs that are neither as long as they may be nor as short

Run = Callable[[ChannelKernel, Core], int]
"""Pixels of a run, of micro-kernels for runs of one; 0: there are no such runs."""


@dataclass(frozen=True)
class ChannelFamily(Family):
    """How micro-kernels take columns.

    Attributes:
        kernel: the micro-kernels.
        sum: how they take columns.
        run: how many pixels' columns are staged at a time.
        run_name: for reports.
    """

    kernel: type[ChannelKernel]
    sum: type[ChannelSum]
    run: Run
    run_name: str

    def computes(self, view: NodeView[WeightedSum]) -> bool:
        """They leave the rule to the runtime; those for vectors take multipliers below 1/2."""
        return of_fixed_point(view) and (self.kernel not in (MveChannelKernel, MveLanesKernel) or shifts_right(view))

    @property
    def name(self) -> str:
        """For reports."""
        return f"tiles {self.kernel.name}, {self.run_name}"

    def program(self, convolution: Convolution, core: Core) -> ChannelProgram | None:
        """Of what the micro-kernels suit, where there are runs."""
        columns, window, (weight,), (bias,) = (
            convolution.columns,
            convolution.window,
            convolution.weights,
            convolution.biases,
        )
        shortest = self.sum(
            window.rows,
            window.taps,
            columns.stride,
            window.dilation,
            columns.width,
            columns.before,
            columns.outputs,
            weight.shape[0],
            convolution.zero_point,
            convolution.output,
            1,
            str(convolution.multiplier.dtype),
        )
        kernel = self.kernel.of(shortest, weight[..., 0], bias, convolution.multiplier)
        run = self.run(kernel, core) if kernel.suits else 0
        return ChannelProgram(with_run(kernel, run)) if run else None

    def weights(self, convolution: Convolution, number: int) -> Sequence[np.ndarray]:
        """Of each row."""
        weight = convolution.weights[number]
        return [weight[:, row, :, 0] for row in range(weight.shape[1])]


def with_run(kernel: ChannelKernel, run: int) -> ChannelKernel:
    """The same micro-kernels for runs of so many pixels."""
    return replace(kernel, sum=replace(kernel.sum, run=run))


def longest_run(kernel: ChannelKernel, scratch: int) -> int:
    """Pixels of a run whose columns take so many bytes at the most: the line's, or equal parts of it."""
    s, together = kernel.sum, kernel.together
    most = together
    while kernel.staged_bytes(s.columns(most + together)) <= scratch:
        most += together
    if kernel.staged_bytes(s.columns(s.pixels)) <= scratch or most >= s.pixels:
        return s.pixels
    runs = -(-s.pixels // most)
    return -(-s.pixels // (runs * together)) * together


def stack_run(kernel: ChannelKernel, stack: int) -> int:
    """Pixels whose columns, and a channel's weights, the stack has room for; 0: not even one."""
    s = kernel.sum
    fitting = (n for n in (8, 4, 2, 1) if kernel.staged_bytes(s.columns(n)) + kernel.stack_bytes <= stack)
    return min(next(fitting, 0), s.pixels, kernel.together)


def direct_run(kernel: ChannelKernel, core: Core) -> int:
    """Pixels of a run of fewest estimated cycles, where columns are not staged."""
    requantize = requantize_cycles(core)

    def estimated(run: int) -> float:
        program = ChannelProgram(with_run(kernel, run))
        return cycles(program, ranked(program, requantize)[0], requantize)

    return min(kernel.runs, key=estimated)


def whole_run(kernel: ChannelKernel, _core: Core) -> int:
    """All pixels, where none share registers."""
    return kernel.sum.pixels


def _families(
    runs_on: Callable[[Core], bool], kernel: type[ChannelKernel], of: type[ChannelSum], scratch: int, stack: int
) -> Iterator[ChannelFamily]:
    """Of columns that are staged.

    Args:
        runs_on: whether a core has what the micro-kernels need.
        kernel: the micro-kernels.
        of: how they take columns.
        scratch: bytes of staged columns, at the most where a run can be shorter.
        stack: bytes that they take of the stack in place of scratch, at the most.
    """

    def longest(shortest: ChannelKernel, _core: Core) -> int:
        return longest_run(shortest, scratch)

    def some(shortest: ChannelKernel, _core: Core) -> int:
        return SOME_PIXELS if longest_run(shortest, scratch) > SOME_PIXELS else 0

    def fitting(shortest: ChannelKernel, _core: Core) -> int:
        return stack_run(shortest, stack)

    yield ChannelFamily(runs_on, 0, kernel, of, longest, "most pixels staged")
    yield ChannelFamily(runs_on, 0, kernel, of, some, f"{SOME_PIXELS} pixels staged")
    yield ChannelFamily(runs_on, stack, kernel, of, fitting, "on the stack")


FAMILIES = (
    *_families(lambda core: core.has_dsp and not core.has_mve, DspChannelKernel, DspSum, 1600, 384),
    *_families(lambda core: core.has_mve, MveChannelKernel, MveSum, 2048, 256),
    ChannelFamily(
        lambda core: core.has_wide_multiply and not core.has_dsp,
        0,
        V7mChannelKernel,
        DirectSum,
        direct_run,
        "as it lies",
    ),
    ChannelFamily(lambda core: core.has_mve, 0, MveLanesKernel, LanesSum, whole_run, "as it lies"),
)


def _calls(view: NodeView[Conv2d]) -> tuple[Call, ...]:
    if not is_depthwise(view):
        return ()
    top, _, bottom, _ = view.operator.padding
    convolution = convolution_of(
        view,
        [view.constants["weight"]],
        [1],
        convolution_columns(view),
        convolution_window(view),
        padded=bool(top or bottom),
        output_step=view.outputs[0].shape[3],
    )
    return (Call(convolution),)


VARIANTS = tuple(program_variant("depthwise", family, _calls, declare_lines) for family in FAMILIES)
