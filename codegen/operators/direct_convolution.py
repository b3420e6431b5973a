"""Convolutions that read their input where it lies: no scratch memory (runtime/tinyseg_conv2d_direct_*.h)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, requantize_cycles
from tinyseg_tvm.codegen.operators.mve_packing import vectors
from tinyseg_tvm.codegen.operators.pair_packing import convolution_segments, one_more
from tinyseg_tvm.codegen.operators.weight_packing import folded_bias
from tinyseg_tvm.network.cost import Cost

MOST_COPIES = 160  # bytes of stack for the copied windows of two pixels


def _bytes_of_copies(rows: int, taps: int, channels: Sequence[int]) -> int:
    return 2 * rows * taps * sum(channels)


def direct_segment_taps(rows: int, taps: int, channels: Sequence[int], dilation: int) -> int:
    """Taps of a row that are one segment: all of them where they lie side by side and can be taken apart or copied.

    Args:
        rows: of the kernel.
        taps: of a row.
        channels: of each piece.
        dilation: columns from tap to tap.
    """
    divisible = all(c % 4 == 0 for c in channels)
    return taps if dilation == 1 and (divisible or _bytes_of_copies(rows, taps, channels) <= MOST_COPIES) else 1


def direct_dsp_cycles(
    view: NodeView, rows: int, taps: int, channels: Sequence[int], dilation: int, pixels: float, outputs: int
) -> int:
    """Estimated cycles for so many output pixels of a line, fitted as pair_packing.pair_cost is.

    Args:
        view: the node.
        rows: of the kernel.
        taps: of a row.
        channels: of each piece.
        dilation: columns from tap to tap.
        pixels: output pixels.
        outputs: output channels.
    """
    segment_taps = direct_segment_taps(rows, taps, channels, dilation)
    segments = rows * len(channels) * taps // segment_taps
    quads = rows * taps // segment_taps * sum(-(-segment_taps * c // 4) for c in channels)
    block = (42 if view.core.has_fpu else 72) * quads + 10 * segments + 175
    fours = -(-outputs // 4)
    per_two = fours * block + 70 * segments
    padded = any(getattr(view.operator, "padding", ()))
    edges = (160 * fours + 580) * segments if padded else 0  # windows at the sides, looked for tap by tap
    return round(math.ceil(pixels / 2) * per_two + edges + requantize_cycles(view.core) * pixels * outputs)


def direct_dsp_cost(view: NodeView, channels: Sequence[int], dilation: int) -> Cost:
    """Cycles of a step of a convolution; no scratch."""
    outputs, rows, taps, _ = view.constants["weight"].shape
    pixels = view.outputs[0].elements / outputs / max(view.access.steps, 1)
    return Cost(0, direct_dsp_cycles(view, rows, taps, channels, dilation, pixels, outputs) + 200)


def pack_plain(weight: np.ndarray, channels: Sequence[int]) -> np.ndarray:
    """(O, KH, KW, I) as [channel][row][piece][tap][input channel], for pieces of so many channels."""
    return np.concatenate(list(convolution_segments(weight, channels, weight.shape[2])), axis=1)


@dataclass(frozen=True)
class Columns:
    """Where windows lie in a line: ``outputs`` of them ``stride`` columns apart, the first at ``-before``."""

    width: int
    outputs: int
    stride: int
    before: int


def most_runs(columns: Columns, taps: int, dilation: int) -> int:
    """The most segments that a row of taps of three neighbouring windows consists of."""
    if dilation != 1:
        return taps
    most = 1
    for x in range(0, columns.outputs, 3):
        last = min(x + 3, columns.outputs)
        firsts = [pixel * columns.stride - columns.before for pixel in range(x, last)]
        inside = [tuple(0 <= first + tap < columns.width for first in firsts) for tap in range(taps)]
        most = max(most, 1 + sum(a != b for a, b in itertools.pairwise(inside)))
    return most


@dataclass(frozen=True)
class DirectConvolution:
    """A convolution of one group by the kernel for the vector extension.

    Attributes:
        weight: (O, KH, KW, I) int8.
        bias: (O,) int32, the input's zero point not folded in yet.
        multiplier: (O,) float32.
        channels: of each piece.
        columns: where the windows lie.
        dilation: columns from tap to tap.
        zero_point: of the input.
        padded: whether a window may lie in the padding.
        output: initialiser of ``tinyseg_output``.
    """

    weight: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    channels: tuple[int, ...]
    columns: Columns
    dilation: int
    zero_point: int
    padded: bool
    output: tuple[str, ...]

    @property
    def segments(self) -> int:
        """Entries of the list of segments."""
        rows, taps = self.weight.shape[1], self.weight.shape[2]
        return int(rows) * len(self.channels) * most_runs(self.columns, int(taps), self.dilation) + 1

    def parameters(self, out: FunctionWriter) -> dict[str, int | float | str | tuple[str, ...]]:
        """Fields of ``tinyseg_conv2d_direct_mve``."""
        outputs, rows, taps, _ = self.weight.shape
        bias = folded_bias(self.bias, self.weight, self.zero_point)
        padding = np.full(taps * max(self.channels), self.zero_point, np.int8)
        return {
            "weight": out.constant("weight", pack_plain(self.weight, self.channels)),
            "bias": out.constant("bias", one_more(bias)),
            "multiplier": out.constant("multiplier", one_more(self.multiplier)),
            "padding": out.constant("padding", padding) if self.padded else "NULL",
            "piece_channels": out.constant("piece_channels", np.asarray(self.channels, np.uint16)),
            "values": int(np.prod(self.weight.shape[1:])),
            "pieces": len(self.channels),
            "input_width": self.columns.width,
            "output_width": self.columns.outputs,
            "output_channels": outputs,
            "output_step": outputs,
            "kernel_height": rows,
            "kernel_width": taps,
            "stride": self.columns.stride,
            "dilation": self.dilation,
            "pad_left": self.columns.before,
            "output": self.output,
        }


def direct_mve_cycles(weight: np.ndarray, channels: Sequence[int], pixels: float, dilation: int) -> int:
    """Estimated cycles for so many output pixels.

    Args:
        weight: (O, KH, KW, I).
        channels: of each piece.
        pixels: output pixels.
        dilation: columns from tap to tap.
    """
    outputs, rows, taps, _ = weight.shape
    parts = taps if dilation != 1 else 1
    segments = rows * parts * len(channels)
    loops = rows * parts * sum(vectors(taps // parts * c) for c in channels)
    pair = 12 * loops + 9 * segments + 42
    edges = 150 * segments  # of the windows at the sides, which are looked for tap by tap
    cycles: float = math.ceil(pixels / 3) * (-(-outputs // 2) * pair + 10 * segments + 50) + edges
    return round(cycles) + 150


@dataclass(frozen=True)
class Window:
    """The taps of a convolution: rows, taps of a row, columns from tap to tap."""

    rows: int
    taps: int
    dilation: int


def declare_direct_dsp(
    out: FunctionWriter, windows: Sequence[Window], channels: Sequence[int], zero_point: int, *, padded: bool
) -> str:
    """Declare what the kernel needs beside lines; returns its arguments ``padding, segments, copies``.

    Args:
        out: where it is written.
        windows: of every convolution that the function computes.
        channels: of each piece.
        zero_point: of the input.
        padded: whether a window may lie in the padding.
    """
    entries, copies = 0, 0
    for window in windows:
        segment_taps = direct_segment_taps(window.rows, window.taps, channels, window.dilation)
        segments = window.rows * len(channels) * window.taps // segment_taps
        entries = max(entries, segments + 1, window.taps + 1)
        if padded and segment_taps > 1 and any(c % 4 for c in channels):
            copies = max(copies, _bytes_of_copies(window.rows, window.taps, channels))
    out.write(f"tinyseg_segment segments[{entries}];")
    if copies:
        out.write(f"int8_t copies[{copies}];")
    padding = out.constant("padding", np.full(max(channels), zero_point, np.int8)) if padded else "NULL"
    return f"{padding}, segments, {'copies' if copies else 'NULL'}"
