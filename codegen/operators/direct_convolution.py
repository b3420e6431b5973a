"""Convolutions that read their input where it lies: no scratch memory (runtime/tinyseg_conv2d_direct_*.h)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import requantize_cycles
from tinyseg_tvm.codegen.operators.convolution_window import Columns, Window
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView
from tinyseg_tvm.codegen.operators.mve_packing import vectors
from tinyseg_tvm.codegen.operators.pair_packing import convolution_segments
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators import Operator

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
    view: NodeView[Operator], rows: int, taps: int, channels: Sequence[int], dilation: int, pixels: float, outputs: int
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


def direct_dsp_cost(view: NodeView[Operator], channels: Sequence[int], dilation: int) -> Cost:
    """Cycles of a step of a convolution; no scratch."""
    outputs, rows, taps, _ = view.constants["weight"].shape
    pixels = view.outputs[0].elements / outputs / max(view.access.steps, 1)
    return Cost(0, direct_dsp_cycles(view, rows, taps, channels, dilation, pixels, outputs) + 200)


def pack_plain(weight: np.ndarray, channels: Sequence[int]) -> np.ndarray:
    """(O, KH, KW, I) as [channel][row][piece][tap][input channel], for pieces of so many channels."""
    return np.concatenate(list(convolution_segments(weight, channels, weight.shape[2])), axis=1)


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


def most_segments(columns: Columns, window: Window, channels: Sequence[int]) -> int:
    """Entries of the list of segments of the kernel for the vector extension."""
    return window.rows * len(channels) * most_runs(columns, window.taps, window.dilation) + 1


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
