"""Convolutions as micro-kernels see them: weighted sums of the windows of lines, for every family of micro-kernels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.arithmetic import WeightedSum as WeightedSumOperator
from tinyseg_tvm.codegen.operators.arithmetic import output_numbers
from tinyseg_tvm.codegen.operators.column_staging import ColumnStaging
from tinyseg_tvm.codegen.operators.convolution_window import Columns, Window
from tinyseg_tvm.codegen.operators.emission import NodeView
from tinyseg_tvm.codegen.operators.pair_packing import can_join
from tinyseg_tvm.codegen.operators.weight_packing import folded_bias
from tinyseg_tvm.codegen.programs.windows.dsp_kernels import DspKernel
from tinyseg_tvm.codegen.programs.windows.micro_kernels import MicroKernel
from tinyseg_tvm.codegen.programs.windows.mve_kernels import MveKernel
from tinyseg_tvm.codegen.programs.windows.v7m_kernels import V7mKernel
from tinyseg_tvm.codegen.programs.windows.weighted_sum import Line, Segment, WeightedSum

MOST_SEGMENTS = 32  # windows that a micro-kernel lists on the stack


@dataclass(frozen=True)
class Family:
    """Micro-kernels for some cores, and how they take their lines.

    Attributes:
        kernel: the micro-kernels.
        runs_on: whether a core has what they need.
        staged_pixels: how many pixels' windows are staged at a time; 0: whole lines.
        on_stack: whether they are staged on the stack, which holds little; else in scratch memory.
        columns: whether the columns of a window's lines are laid side by side first, so that a window is one run.
    """

    kernel: type[MicroKernel]
    runs_on: Callable[[Core], bool]
    staged_pixels: int
    on_stack: bool = False
    columns: bool = False

    @property
    def name(self) -> str:
        """For reports."""
        lines = "columns" if self.columns else "lines"
        what = {0: lines, 1: "1 pixel"}.get(self.staged_pixels, f"{self.staged_pixels} pixels")
        return f"tiles {self.kernel.name}, {what} staged{' on the stack' if self.on_stack else ''}"


def _families(kernel: type[MicroKernel], runs_on: Callable[[Core], bool], *staged_pixels: int) -> Iterator[Family]:
    for pixels in staged_pixels:
        yield Family(kernel, runs_on, pixels)
        if pixels:
            yield Family(kernel, runs_on, pixels, on_stack=True)


FAMILIES = (
    *_families(DspKernel, lambda core: core.has_dsp and not core.has_mve, 0, 2, 4),
    *_families(MveKernel, lambda core: core.has_mve, 1, 4),
    *(Family(MveKernel, lambda core: core.has_mve, 0, on_stack, columns=True) for on_stack in (False, True)),
    *_families(V7mKernel, lambda core: core.has_wide_multiply and not core.has_dsp, 1, 2),
)


@dataclass(frozen=True)
class Convolution:
    """A convolution of one group; or several of the same shape, one for each of some successive lines.

    Attributes:
        weights: of each, (O, KH, KW, I) int8.
        biases: of each, (O,) int32 with the input's zero point folded in.
        multiplier: (O,) float32.
        channels: of each piece of the input.
        columns: where the windows lie.
        window: rows, taps and dilation.
        zero_point: of the input.
        output: zero point, least and greatest value of the output.
        padded: whether lines may be missing.
        output_step: values from an output pixel to the next one.
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    multiplier: np.ndarray
    channels: tuple[int, ...]
    columns: Columns
    window: Window
    zero_point: int
    output: tuple[int, int, int]
    padded: bool
    output_step: int

    def weighted_sum(self, family: Family) -> WeightedSum:
        """What it is to micro-kernels."""
        columns, window = self.columns, self.window
        before, after = self._padding
        lines = tuple(
            Line(columns.width * c, before * c, after * c, columns.stride * c)
            for _, c in itertools.product(range(window.rows), self.channels)
        )
        segments = tuple(
            Segment(line, first, values, family.kernel.weights_of(values, lines[line].step))
            for line, first, values in self._segments()
        )
        outputs = int(self.weights[0].shape[0])
        return WeightedSum(
            lines,
            segments,
            columns.outputs,
            outputs,
            self.output_step,
            self.zero_point,
            self.output,
            family.kernel.dtype,
            family.kernel.tile_pixels,
            family.staged_pixels,
            family.kernel.tile_channels,
        )

    @property
    def _padding(self) -> tuple[int, int]:
        """Columns on both sides that windows reach."""
        columns = self.columns
        last = (columns.outputs - 1) * columns.stride + (self.window.taps - 1) * self.window.dilation - columns.before
        return max(0, columns.before), max(0, last - columns.width + 1)

    @property
    def staging(self) -> ColumnStaging:
        """Of its lines, side by side."""
        return ColumnStaging(self.window.rows, self.channels, self.columns.width, *self._padding, self.zero_point)

    @property
    def by_columns(self) -> Convolution:
        """The same of one line, that has the columns of all lines side by side."""
        staging, before = self.staging, self._padding[0]
        weights = tuple(np.ascontiguousarray(w.transpose(0, 2, 1, 3)) for w in self.weights)
        return replace(
            self,
            weights=tuple(w.reshape(w.shape[0], 1, w.shape[1], -1) for w in weights),
            channels=(staging.total,),
            columns=replace(self.columns, width=staging.columns, before=self.columns.before - before),
            window=replace(self.window, rows=1),
            padded=False,
        )

    def segment_weights(self, number: int) -> list[np.ndarray]:
        """Weights (O, values) of each segment of one of the convolutions."""
        taken = dict.fromkeys(range(self.window.rows * len(self.channels)), 0)
        begins = np.cumsum([0, *self.channels])
        weights = []
        for line, _, values in self._segments():
            row, piece = divmod(line, len(self.channels))
            channels = self.channels[piece]
            taps = slice(taken[line], taken[line] + values // channels)
            taken[line] = taps.stop
            weight = self.weights[number][:, row, taps, begins[piece] : begins[piece + 1]]
            weights.append(weight.reshape(weight.shape[0], -1))
        return weights

    def _segments(self) -> Iterator[tuple[int, int, int]]:
        """Line, first value and number of values of each; piece by piece, so that those alike follow each other."""
        window = self.window
        parts = 1 if window.dilation == 1 else window.taps
        taps = window.taps // parts
        inside = max(0, -self.columns.before)
        for piece, channels in enumerate(self.channels):
            for row, part in itertools.product(range(window.rows), range(parts)):
                first = (inside + part * window.dilation) * channels
                yield row * len(self.channels) + piece, first, taps * channels


def convolution_of(
    view: NodeView[WeightedSumOperator],
    weights: Sequence[np.ndarray],
    channels: Sequence[int],
    columns: Columns,
    window: Window,
    *,
    padded: bool,
    output_step: int,
    repeated: int = 1,
) -> Convolution:
    """A convolution, or several of the same shape, by ``weights`` (O, KH, KW, I) made of a node's.

    The node's output channels stand ``repeated`` times among those of the weights; the others are ``Convolution``'s.
    """
    arithmetic = view.operator.arithmetic
    bias = np.tile(view.constants["bias"], repeated)
    return Convolution(
        tuple(weights),
        tuple(folded_bias(bias, weight, arithmetic.operand_zero) for weight in weights),
        np.tile(view.constants["multiplier"], repeated),
        tuple(channels),
        columns,
        window,
        arithmetic.operand_zero,
        output_numbers(arithmetic),
        padded=padded,
        output_step=output_step,
    )


@dataclass(frozen=True)
class Call:
    """A convolution that computes results of an output line.

    Attributes:
        convolution: which.
        first_result: place of the first one in the line, in values.
        condition: when it is to be computed, as a C expression; none: always.
        share: of the steps in which it is.
        staging: what makes its line of several; None: its lines are those that there are.
    """

    convolution: Convolution
    first_result: int = 0
    condition: str = ""
    share: float = 1.0
    staging: ColumnStaging | None = None


def suits(convolution: Convolution, family: Family) -> bool:
    """Whether the micro-kernels compute a convolution."""
    segments = convolution.window.rows * len(convolution.channels)
    segments *= 1 if convolution.window.dilation == 1 else convolution.window.taps
    return segments <= MOST_SEGMENTS and convolution.columns.outputs >= family.staged_pixels


def kernel_of(convolution: Convolution, family: Family) -> MicroKernel:
    """Its micro-kernels."""
    weighted_sum = convolution.weighted_sum(family)
    if family.kernel is DspKernel:
        sets = zip(convolution.weights, convolution.biases, strict=True)
        return DspKernel(weighted_sum, all(can_join(weight, bias, 1) for weight, bias in sets))
    return family.kernel(weighted_sum)
