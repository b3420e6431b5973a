"""Convolutions of one group for cores without wide multiplication (runtime/tinyseg_conv2d_v6m.h)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyseg_tvm.codegen.operators.arithmetic import WeightedSum, of_fixed_point, requantize_cycles, sum_parameters
from tinyseg_tvm.codegen.operators.convolution_window import (
    POINT,
    Columns,
    Window,
    convolution_columns,
    convolution_fields,
    convolution_window,
    declare_lines,
    piece_channels,
    vector_columns,
)
from tinyseg_tvm.codegen.operators.direct_convolution import pack_plain
from tinyseg_tvm.codegen.operators.emission import FunctionWriter, NodeView, Variant, packed_weight
from tinyseg_tvm.network.cost import Cost
from tinyseg_tvm.operators.conv2d import Conv2d
from tinyseg_tvm.operators.dense import Dense

RECORD_BYTES = 12  # of the table, per pair of values


def pack_narrow(weight: np.ndarray, channels: tuple[int, ...]) -> np.ndarray:
    """(O, KH, KW, I) int8 as uint8 ``128 + w`` of shape (O / 2, pairs, 2, 2): [pair][channel of two][of the pair].

    Pairs are of values in the order [row][piece][tap][channel]; odd counts of either are filled up with weight 0.
    """
    matrix = pack_plain(weight, list(channels)).astype(np.int16)
    outputs, values = matrix.shape
    filled = np.pad(matrix, ((0, outputs % 2), (0, values % 2)))
    blocks = filled.reshape(-1, 2, filled.shape[1] // 2, 2).transpose(0, 2, 1, 3)
    return np.asarray(blocks + 128, np.uint8)


def fits_halves(weight: np.ndarray, channels: tuple[int, ...]) -> bool:
    """Whether the products of every pair of weights sum to 16 bits, whatever the values: not both -128."""
    packed = pack_narrow(weight, channels)
    return bool(packed.any(axis=-1).all())


@dataclass(frozen=True)
class NarrowConvolution:
    """A convolution by the kernel that joins two pixels.

    Attributes:
        weight: (O, KH, KW, I) int8.
        channels: of each piece.
        columns: where the windows lie.
        window: rows, taps and dilation.
    """

    weight: np.ndarray
    channels: tuple[int, ...]
    columns: Columns
    window: Window

    @property
    def pairs(self) -> int:
        """Of values under the kernel."""
        return -(-int(self.weight[0].size) // 2)

    def cost(self, view: NodeView[WeightedSum], pixels: float) -> Cost:
        """Scratch, and cycles of so many output pixels; as many cycles as instructions, and one per word loaded."""
        outputs = len(self.weight)
        segments = self.window.rows * len(self.channels)
        table = 36 * self.pairs + 50 * segments + 100  # of two pixels
        sums = (outputs + 1) // 2 * (24.0 * self.pairs + 80)
        results = 2 * (requantize_cycles(view.core) + 12) * outputs
        twos = (self.columns.outputs + 1) // 2 * pixels / self.columns.outputs  # an odd pixel is computed twice
        return Cost(RECORD_BYTES * self.pairs, round(twos * (table + sums + results)) + 100)

    def parameters(self, view: NodeView[WeightedSum], out: FunctionWriter) -> str:
        """Defines the ``tinyseg_conv2d_v6m`` of the node; returns its address."""
        outputs = len(self.weight)
        out.modules.add("tinyseg_conv2d_v6m")
        return out.parameters(
            view,
            "tinyseg_conv2d_v6m",
            {
                "weight": out.constant("weight", pack_narrow(self.weight, self.channels)),
                **sum_parameters(view, out),
                **convolution_fields(self.columns, self.window, self.channels, outputs, out),
                "pairs": self.pairs,
                "output_step": outputs,
            },
        )


def _convolution(view: NodeView[Conv2d]) -> NarrowConvolution:
    channels = tuple(piece_channels(view))
    return NarrowConvolution(view.constants["weight"], channels, convolution_columns(view), convolution_window(view))


def _pointwise(view: NodeView[Dense]) -> NarrowConvolution:
    weight = view.constants["weight"]
    return NarrowConvolution(weight[:, np.newaxis, np.newaxis, :], (weight.shape[1],), vector_columns(view), POINT)


def _is_narrow(view: NodeView[WeightedSum]) -> bool:
    narrow = not view.core.has_wide_multiply and view.constants["weight"].dtype == np.int8
    return narrow and of_fixed_point(view)


def _suits_convolution(view: NodeView[Conv2d]) -> bool:
    if not _is_narrow(view) or view.operator.groups != 1:
        return False
    return fits_halves(view.constants["weight"], _convolution(view).channels)


def _suits_pointwise(view: NodeView[Dense]) -> bool:
    if not _is_narrow(view) or view.operator.flatten:
        return False
    pointwise = _pointwise(view)
    return fits_halves(pointwise.weight, pointwise.channels)


def _convolution_cost(view: NodeView[Conv2d]) -> Cost:
    pixels = view.outputs[0].elements / view.constants["weight"].shape[0] / max(view.access.steps, 1)
    return _convolution(view).cost(view, pixels)


def _pointwise_cost(view: NodeView[Dense]) -> Cost:
    return _pointwise(view).cost(view, view.outputs[0].line_elements / view.constants["weight"].shape[0])


def _emit_convolution(view: NodeView[Conv2d], out: FunctionWriter) -> None:
    parameters = _convolution(view).parameters(view, out)
    declare_lines(view, out)
    out.write(f"tinyseg_conv2d_v6m_line({parameters}, lines, {out.scratch}, {out.output()});")


def _emit_pointwise(view: NodeView[Dense], out: FunctionWriter) -> None:
    parameters = _pointwise(view).parameters(view, out)
    out.write(
        f"const int8_t *const line = {out.line(0)};",
        f"tinyseg_conv2d_v6m_line({parameters}, &line, {out.scratch}, {out.output()});",
    )


def _weight_bytes(view: NodeView[WeightedSum]) -> int:
    weight = view.constants["weight"]
    outputs, values = len(weight), int(weight[0].size)
    return (outputs + outputs % 2) * (values + values % 2)


CONVOLUTION = Variant(
    "conv2d v6m", _suits_convolution, _convolution_cost, _emit_convolution, packed_weight(_weight_bytes)
)
POINTWISE = Variant("pointwise v6m", _suits_pointwise, _pointwise_cost, _emit_pointwise, packed_weight(_weight_bytes))
