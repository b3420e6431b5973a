"""Convolutions of one group as scheduled TVM programs (codegen/programs/windows), by the micro-kernels of each core."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyseg_tvm.codegen.core import Core
from tinyseg_tvm.codegen.operators.arithmetic import WeightedSum as ScheduledSum
from tinyseg_tvm.codegen.operators.arithmetic import of_fixed_point, shifts_right
from tinyseg_tvm.codegen.operators.emission import NodeView, Variant
from tinyseg_tvm.codegen.operators.pair_packing import can_join
from tinyseg_tvm.codegen.operators.scheduled_convolution import Call, Convolution
from tinyseg_tvm.codegen.operators.scheduled_programs import Calls, Family, Lines, Summing, program_variant
from tinyseg_tvm.codegen.programs.windows.direct_dsp_kernels import WORD, DirectDspKernel
from tinyseg_tvm.codegen.programs.windows.dsp_kernels import DspKernel
from tinyseg_tvm.codegen.programs.windows.kernels import MicroKernel
from tinyseg_tvm.codegen.programs.windows.mve_kernels import MveKernel
from tinyseg_tvm.codegen.programs.windows.program import WindowProgram
from tinyseg_tvm.codegen.programs.windows.sum import Line, Segment, WeightedSum, staged_copies
from tinyseg_tvm.codegen.programs.windows.v7m_kernels import V7mKernel

MOST_SEGMENTS = 32  # windows that a micro-kernel lists on the stack
MOST_STACK = 320  # bytes of staged values that may lie there instead of in scratch memory: promises count 1,024 for all


@dataclass(frozen=True)
class WindowFamily(Family):
    """How micro-kernels take windows.

    Attributes:
        kernel: the micro-kernels.
        staged_pixels: how many pixels' windows are staged at a time; 0: whole lines.
        columns: whether the columns of a window's lines are laid side by side first, so that a window is one run.
    """

    kernel: type[MicroKernel]
    staged_pixels: int
    columns: bool = False

    def computes(self, view: NodeView[ScheduledSum]) -> bool:
        """Those for the vector extension have the rules in their own instructions, for multipliers below 1/2."""
        return of_fixed_point(view) and (self.kernel is not MveKernel or shifts_right(view))

    @property
    def name(self) -> str:
        """For reports."""
        lines = "columns" if self.columns else "lines"
        if self.kernel is DirectDspKernel:
            return f"tiles {self.kernel.name}, by {self.staged_pixels} pixel{'s' * (self.staged_pixels > 1)}"
        what = {0: lines, 1: "1 pixel"}.get(self.staged_pixels, f"{self.staged_pixels} pixels")
        return f"tiles {self.kernel.name}, {what} staged{' on the stack' if self.stack else ''}"

    def taken(self, call: Call) -> Call | None:
        """With its lines side by side, where they are laid so."""
        if not self.columns:
            return call
        convolution = call.convolution
        if not convolution.staging.is_possible:
            return None
        return replace(call, convolution=convolution.by_columns, staging=convolution.staging)

    def program(self, convolution: Convolution, _core: Core, /) -> WindowProgram | None:
        """Of lines with few enough segments and many enough pixels."""
        segments = sum(1 for _ in convolution.segments())
        if segments > MOST_SEGMENTS or convolution.columns.outputs < self.staged_pixels:
            return None
        weighted_sum = self._weighted_sum(convolution)
        if self.kernel is DirectDspKernel and not _lies_in_words(weighted_sum):
            return None
        if not issubclass(self.kernel, DspKernel):
            return WindowProgram(self.kernel(weighted_sum))
        sets = zip(convolution.weights, convolution.biases, strict=True)
        return WindowProgram(self.kernel(weighted_sum, all(can_join(weight, bias, 1) for weight, bias in sets)))

    def weights(self, convolution: Convolution, number: int) -> Sequence[np.ndarray]:
        """Of each segment."""
        return convolution.segment_weights(number)

    def _weighted_sum(self, convolution: Convolution) -> WeightedSum:
        """What a convolution is to the micro-kernels."""
        columns = convolution.columns
        before, after = convolution.side_padding
        lines = tuple(
            Line(columns.width * c, before * c, after * c, columns.stride * c)
            for _, c in itertools.product(range(convolution.window.rows), convolution.channels)
        )
        segments = tuple(
            Segment(line, first, values, self.kernel.weights_of(values, lines[line].step))
            for line, first, values in convolution.segments()
        )
        return WeightedSum(
            lines,
            segments,
            columns.outputs,
            int(convolution.weights[0].shape[0]),
            convolution.output_step,
            convolution.zero_point,
            convolution.output,
            self.kernel.dtype,
            self.kernel.tile_pixels,
            self.staged_pixels,
            self.kernel.tile_channels,
            str(convolution.multiplier.dtype),
            self.kernel.odd_end,
        )


def _has_dsp_alone(core: Core) -> bool:
    return core.has_dsp and not core.has_mve


def _lies_in_words(weighted_sum: WeightedSum) -> bool:
    """Whether segments are whole words, and nothing is padding."""
    whole = all(segment.values % WORD == 0 for segment in weighted_sum.segments)
    return whole and not staged_copies(weighted_sum)


def _families(
    kernel: type[MicroKernel], runs_on: Callable[[Core], bool], *staged_pixels: int
) -> Iterator[WindowFamily]:
    for pixels in staged_pixels:
        yield WindowFamily(runs_on, 0, kernel, pixels)
        if pixels:
            yield WindowFamily(runs_on, MOST_STACK, kernel, pixels)


FAMILIES = (
    *_families(DspKernel, _has_dsp_alone, 0, 2, 3, 4),
    *(WindowFamily(_has_dsp_alone, 0, DirectDspKernel, pixels) for pixels in (1, 2)),
    *_families(MveKernel, lambda core: core.has_mve, 1, 4),
    *(WindowFamily(lambda core: core.has_mve, stack, MveKernel, 0, columns=True) for stack in (0, MOST_STACK)),
    *_families(V7mKernel, lambda core: core.has_wide_multiply and not core.has_dsp, 1, 2),
)


def scheduled_variants(kind: str, calls: Calls[Summing], lines: Lines[Summing]) -> tuple[Variant[Summing], ...]:
    """The variants of an operator kind.

    Args:
        kind: in reports.
        calls: the convolutions that a node is; none if it is not made of such of one group.
        lines: writes the declaration of ``lines``.
    """
    return tuple(program_variant(kind, family, calls, lines) for family in FAMILIES)
