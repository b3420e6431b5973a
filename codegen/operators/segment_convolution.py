"""Convolutions of one group for cores without the DSP extension (runtime/tinyseg_conv2d_v7m.h)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.codegen.operators.direct_convolution import Columns, pack_plain
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, requantize_cycles
from tinyseg_tvm.codegen.operators.weight_packing import BLOCK

MOST_SEGMENTS = 32  # of 16 bytes each, on the stack


def pack_blocks(weight: np.ndarray, channels: Sequence[int]) -> np.ndarray:
    """(O, KH, KW, I) as blocks of four output channels (three are four, the last with weights 0), then two, then one.

    In a block [row][piece][tap][input channel][output channel], for pieces of so many ``channels``.
    """
    matrix = pack_plain(weight, channels)
    blocks = []
    first = 0
    while first < len(matrix):
        block = matrix[first : first + BLOCK]
        if len(block) == BLOCK - 1:
            block = np.concatenate([block, np.zeros_like(block[:1])])
        blocks.append(block.T.reshape(-1))
        first += BLOCK
    return np.concatenate(blocks)


def filled_to_blocks(values: np.ndarray) -> np.ndarray:
    """Per channel values with zeros up to a whole block."""
    return np.concatenate([values, np.zeros(-len(values) % BLOCK, values.dtype)])


def suits(view: NodeView, rows: int, taps: int, groups: int) -> bool:
    """Whether the kernel computes a convolution of so many rows and taps on this core."""
    few = rows * taps * len(view.inputs) <= MOST_SEGMENTS
    plain = not view.core.has_dsp and view.core.has_wide_multiply  # Armv6-M has too few registers for it
    return plain and view.constants["weight"].dtype == np.int8 and groups == 1 and few


def cycles(view: NodeView, weight: np.ndarray, pieces: int, pixels: float) -> int:
    """Estimated cycles for so many output pixels of a convolution with this (O, KH, KW, I) weight."""
    outputs, rows, _, _ = weight.shape
    blocks, rest = divmod(outputs + (outputs % BLOCK == BLOCK - 1), BLOCK)
    per_product = 15 * blocks + (0, 6, 9)[rest]
    segments = rows * pieces
    overhead = (blocks + (rest > 0)) * (60 + 20 * segments) + 60 + 30 * segments
    per_pixel: float = (per_product * weight[0].size + overhead) / 2
    return round(pixels * (per_pixel + requantize_cycles(view.core) * int(outputs))) + 100


@dataclass(frozen=True)
class SegmentConvolution:
    """A convolution by the kernel that lists segments.

    Attributes:
        weight: (O, KH, KW, I) int8.
        bias: (O,) int32 with the input's zero point folded in.
        multiplier: (O,) float32.
        channels: of each piece.
        columns: where the windows lie.
        dilation: columns from tap to tap.
        output_step: bytes from an output pixel to the next.
        zero_point: of the input.
        output: initialiser of ``tinyseg_output``.
        suffix: of the names of constants that are the convolution's own.
    """

    weight: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    channels: tuple[int, ...]
    columns: Columns
    dilation: int
    output_step: int
    zero_point: int
    output: tuple[str, ...]
    suffix: str = ""

    @property
    def segments(self) -> int:
        """The most segments of two pixels."""
        _, rows, taps, _ = self.weight.shape
        return int(rows * taps * len(self.channels))

    def parameters(self, out: FunctionWriter) -> dict[str, int | float | str | tuple[str, ...]]:
        """Fields of ``tinyseg_conv2d_v7m``; stores the constants."""
        outputs, rows, taps, _ = self.weight.shape
        padding = np.full(max(self.channels), self.zero_point, np.int8)
        return {
            "weight": out.constant(f"weight{self.suffix}", pack_blocks(self.weight, self.channels)),
            "bias": out.constant(f"bias{self.suffix}", filled_to_blocks(self.bias)),
            "multiplier": out.constant("multiplier", filled_to_blocks(self.multiplier)),
            "padding": out.constant("padding", padding),
            "piece_channels": out.constant("piece_channels", np.asarray(self.channels, np.uint16)),
            "pieces": len(self.channels),
            "input_width": self.columns.width,
            "output_width": self.columns.outputs,
            "output_channels": outputs,
            "output_step": self.output_step,
            "kernel_height": rows,
            "kernel_width": taps,
            "stride": self.columns.stride,
            "dilation": self.dilation,
            "pad_left": self.columns.before,
            "output": self.output,
        }


def call(parameters: str, lines: str, out: FunctionWriter) -> str:
    """The statement that computes an output line; ``segments`` is declared before."""
    return f"tinyseg_conv2d_v7m_line({parameters}, {lines}, segments, {out.output()});"
