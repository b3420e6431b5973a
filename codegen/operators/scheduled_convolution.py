"""Convolutions as programs take them: what computes results of an output line, for every family of micro-kernels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import WeightedSum, output_numbers, sum_multipliers
from tinyseg_tvm.codegen.operators.column_staging import ColumnStaging
from tinyseg_tvm.codegen.operators.convolution_window import Columns, Window
from tinyseg_tvm.codegen.operators.emission import NodeView
from tinyseg_tvm.codegen.operators.weight_packing import folded_bias


@dataclass(frozen=True)
class Convolution:
    """A convolution of one group, or a depthwise one; or several alike, one for each of some successive lines.

    Attributes:
        weights: of each, (O, KH, KW, I) int8; I is 1 where it is depthwise.
        biases: of each, (O,) int32 with the input's zero point folded in.
        multiplier: (O,), a ``tinyseg_multiplier`` each.
        channels: of each piece of the input, as many as a result takes.
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

    @property
    def side_padding(self) -> tuple[int, int]:
        """Columns on both sides that windows reach."""
        columns = self.columns
        last = (columns.outputs - 1) * columns.stride + (self.window.taps - 1) * self.window.dilation - columns.before
        return max(0, columns.before), max(0, last - columns.width + 1)

    @property
    def staging(self) -> ColumnStaging:
        """Of its lines, side by side."""
        return ColumnStaging(self.window.rows, self.channels, self.columns.width, *self.side_padding, self.zero_point)

    @property
    def by_columns(self) -> Convolution:
        """The same of one line, that has the columns of all lines side by side."""
        staging, before = self.staging, self.side_padding[0]
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
        for line, _, values in self.segments():
            row, piece = divmod(line, len(self.channels))
            channels = self.channels[piece]
            taps = slice(taken[line], taken[line] + values // channels)
            taken[line] = taps.stop
            weight = self.weights[number][:, row, taps, begins[piece] : begins[piece + 1]]
            weights.append(weight.reshape(weight.shape[0], -1))
        return weights

    def segments(self) -> Iterator[tuple[int, int, int]]:
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
    view: NodeView[WeightedSum],
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
        np.tile(sum_multipliers(view), repeated),
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
