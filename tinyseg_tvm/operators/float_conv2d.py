"""Convolution on float32 feature maps (ONNX Conv)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.float_arithmetic import (
    clamp,
    expect_bounds,
    expect_float32,
    expect_float_weights,
    fused_multiply_add,
)
from tinyseg_tvm.operators.spatial_exchange import exchanged_constant, exchanged_padding, exchanged_pair
from tinyseg_tvm.operators.tensor_type import TensorType
from tinyseg_tvm.operators.windows import Window, windows


@dataclass(frozen=True)
class FloatConv2d(Operator):
    """Dense, grouped and depthwise convolution in float32, with its clamp.

    The activation operands are pieces, as in Conv2d; grouped convolution takes one.

    Constants: ``weight`` (O, KH, KW, I / groups) float32, ``bias`` (O,) float32.

    ``acc = bias[o]``, then ``acc = fma(x, w, acc)`` for every tap inside the map in the order of (row, piece, column,
    channel of the piece), then ``y = clip(acc, output_min, output_max)``. Taps in the padding are left out.
    """

    kind: ClassVar[str] = "float_conv2d"
    own_constants: ClassVar[tuple[str, ...]] = ("weight", "bias")

    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    dilation: tuple[int, int]
    groups: int
    output_min: float
    output_max: float

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """One map of the windows that fit, with the weight's output channels."""
        if not inputs:
            raise ValueError("a convolution needs at least one operand")
        expect_float32(inputs)
        expect_bounds(self.output_min, self.output_max)
        first = inputs[0].shape
        for piece in inputs:
            if len(piece.shape) != 4 or piece.shape[0] != 1 or piece.shape[:3] != first[:3]:
                raise ValueError(f"the pieces {[p.shape for p in inputs]} are no maps (1, H, W, C) of equal H and W")
        if self.groups > 1 and len(inputs) > 1:
            raise ValueError("a grouped convolution takes one piece")
        channels = sum(piece.shape[3] for piece in inputs)
        outputs = expect_float_weights(constants, rank=4)
        weight = constants["weight"].shape
        if self.groups < 1 or channels % self.groups or outputs % self.groups or weight[3] != channels // self.groups:
            raise ValueError(f"the weight {weight} does not fit {channels} channels in {self.groups} groups")
        down, across = self._windows(weight)
        return (TensorType((1, down.count(first[1]), across.count(first[2]), outputs), "float32"),)

    def _windows(self, weight: tuple[int, ...]) -> tuple[Window, Window]:
        """The kernel down and across the map."""
        return windows((weight[1], weight[2]), self.strides, self.padding, self.dilation)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula above, vectorised over everything but the order of summation."""
        weight, groups = constants["weight"], self.groups
        outputs, rows, taps, depth = weight.shape
        _, height, width, _ = inputs[0].shape
        down, across = self._windows(weight.shape)
        shape = (down.count(height), across.count(width), groups, outputs // groups)
        accumulator = np.broadcast_to(constants["bias"].reshape(groups, -1), shape).copy()
        filters = weight.reshape(groups, outputs // groups, rows, taps, depth)
        for row in range(rows):
            made_y, seen_y = _inside(down, row, height, shape[0])
            first = 0
            for piece in inputs:
                data = piece[0].reshape(height, width, groups, -1)
                for tap in range(taps):
                    made_x, seen_x = _inside(across, tap, width, shape[1])
                    seen = data[seen_y, seen_x]
                    made = accumulator[made_y, made_x]
                    for channel in range(data.shape[3]):
                        factor = filters[:, :, row, tap, first + channel]
                        made[:] = fused_multiply_add(seen[:, :, :, channel, np.newaxis], factor, made)
                first += data.shape[3]
        result = clamp(accumulator.reshape(1, *shape[:2], outputs), self.output_min, self.output_max)
        return (result,)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` writes line ``i`` and reads the lines its taps hit inside the map, of every piece."""
        down, _ = self._windows(constants["weight"].shape)
        lines = down.taps(inputs[0].lines)
        return by_line([lines] * len(inputs), outputs[0])

    def macs(
        self, inputs: Sequence[TensorType], outputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]
    ) -> int:
        """One per weight and output pixel."""
        return outputs[0].shape[1] * outputs[0].shape[2] * math.prod(constants["weight"].shape)

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Every pair of attributes, and the kernel the other way round."""
        flipped = replace(
            self,
            padding=exchanged_padding(self.padding),
            strides=exchanged_pair(self.strides),
            dilation=exchanged_pair(self.dilation),
        )
        return Exchanged(flipped, exchanged_constant(constants, "weight"))


def _inside(window: Window, tap: int, extent: int, count: int) -> tuple[slice, slice]:
    """Of ``count`` windows those whose ``tap`` lies inside the axis, and the positions that it sees there."""
    offset = tap * window.dilation - window.before
    first = max(0, -(offset // window.stride))
    last = max(first, min(count, (extent - 1 - offset) // window.stride + 1))
    begin = first * window.stride + offset
    return slice(first, last), slice(begin, begin + (last - first) * window.stride, window.stride)
