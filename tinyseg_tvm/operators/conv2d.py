"""Convolution on int8 feature maps (ONNX Conv, QLinearConv)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.accumulators import (
    check_weighted_sum,
    exact_float_type,
    expect_clamp,
    expect_int8,
    expect_weighted_sum_constants,
)
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.requantize import requantize
from tinyseg_tvm.operators.spatial_exchange import exchanged_constant, exchanged_padding, exchanged_pair
from tinyseg_tvm.operators.tensor_type import TensorType
from tinyseg_tvm.operators.windows import Window, windows

_PATCH_ELEMENTS = 1 << 21  # of one block of the reference's patch matrix: bounds its memory


@dataclass(frozen=True)
class Conv2d(Operator):
    """Dense, grouped and depthwise convolution, with its requantisation and clamp.

    The activation operands are *pieces*: feature maps (1, H, W, C_i) of equal H, W and quantisation, read as
    if concatenated along the channels (a virtual concat; one piece is the ordinary case; grouped convolution takes
    one piece).
    Padding reads the input zero point. 1-D convolutions have W = 1.

    Constants: ``weight`` (O, KH, KW, I / groups) int8, or int16 where an asymmetric weight's ``w - zero_point``
    leaves int8; weights are always free of a zero point. ``bias`` (O,) int32. ``multiplier`` (O,) float32.

    ``acc = bias[o] + sum((x - input_zero_point) * w)`` in int32,
    ``y = clip(round_half_even(float32(acc) * multiplier[o]) + output_zero_point, output_min, output_max)``.
    """

    kind: ClassVar[str] = "conv2d"
    own_constants: ClassVar[tuple[str, ...]] = ("weight", "bias", "multiplier")

    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    dilation: tuple[int, int]
    groups: int
    input_zero_point: int
    output_zero_point: int
    output_min: int
    output_max: int

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """One map of the windows that fit, with the weight's output channels."""
        if not inputs:
            raise ValueError("a convolution needs at least one operand")
        expect_int8(inputs)
        expect_clamp(self.output_min, self.output_max)
        first = inputs[0].shape
        for piece in inputs:
            if len(piece.shape) != 4 or piece.shape[0] != 1 or piece.shape[:3] != first[:3]:
                raise ValueError(f"the pieces {[p.shape for p in inputs]} are no maps (1, H, W, C) of equal H and W")
        if self.groups > 1 and len(inputs) > 1:
            raise ValueError("a grouped convolution takes one piece")
        channels = sum(piece.shape[3] for piece in inputs)
        outputs = expect_weighted_sum_constants(constants, rank=4)
        weight = constants["weight"].shape
        if self.groups < 1 or channels % self.groups or outputs % self.groups or weight[3] != channels // self.groups:
            raise ValueError(f"the weight {weight} does not fit {channels} channels in {self.groups} groups")
        down, across = self._windows(weight)
        return (TensorType((1, down.count(first[1]), across.count(first[2]), outputs), "int8"),)

    def _windows(self, weight: tuple[int, ...]) -> tuple[Window, Window]:
        """The kernel down and across the map."""
        return windows((weight[1], weight[2]), self.strides, self.padding, self.dilation)

    def check(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> None:
        """No accumulator may overflow."""
        check_weighted_sum(constants, self.input_zero_point)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula above, as matrix products that are exact in floating point."""
        data = inputs[0] if len(inputs) == 1 else np.concatenate(list(inputs), axis=3)
        weight = constants["weight"]
        down, across = self._windows(weight.shape)
        centred = data[0].astype(np.int16) - np.int16(self.input_zero_point)
        centred = np.pad(centred, ((down.before, down.after), (across.before, across.after), (0, 0)))
        accumulator = np.empty((down.count(data.shape[1]), across.count(data.shape[2]), weight.shape[0]), np.int32)
        if self.groups == data.shape[3] and weight.shape[0] == self.groups:
            self._depthwise(centred, weight, accumulator)
        else:
            self._grouped(centred, weight, accumulator)
        accumulator += constants["bias"]
        result = requantize(
            accumulator, constants["multiplier"], self.output_zero_point, self.output_min, self.output_max
        )
        return (result[np.newaxis],)

    def _depthwise(self, padded: np.ndarray, weight: np.ndarray, accumulator: np.ndarray) -> None:
        """Writes the sums over taps of one filter per channel into ``accumulator`` (OH, OW, C)."""
        down, across = self._windows(weight.shape)
        height, width, _ = accumulator.shape
        accumulator[:] = 0
        for ky in range(down.kernel):
            for kx in range(across.kernel):
                seen = padded[down.seen_by(ky, height), across.seen_by(kx, width)]
                accumulator += seen * weight[:, ky, kx, 0].astype(np.int32)

    def _grouped(self, padded: np.ndarray, weight: np.ndarray, accumulator: np.ndarray) -> None:
        """Writes one matrix product per group and block of output rows into ``accumulator`` (OH, OW, O)."""
        down, across = self._windows(weight.shape)
        height, width, outputs = accumulator.shape
        depth = weight.shape[3]
        per_group = outputs // self.groups
        filters = weight.reshape(outputs, -1)
        exact = exact_float_type(filters)
        block = max(1, _PATCH_ELEMENTS // (width * filters.shape[1]))
        for row in range(0, height, block):
            rows = min(block, height - row)
            source = padded[row * down.stride :]
            patches = np.empty((rows, width, down.kernel, across.kernel, depth), exact)
            for group in range(self.groups):
                channels = slice(group * depth, (group + 1) * depth)
                results = slice(group * per_group, (group + 1) * per_group)
                for ky in range(down.kernel):
                    for kx in range(across.kernel):
                        patches[:, :, ky, kx] = source[down.seen_by(ky, rows), across.seen_by(kx, width), channels]
                product = patches.reshape(rows * width, -1) @ filters[results].T.astype(exact)
                accumulator[row : row + rows, :, results] = product.reshape(rows, width, per_group)

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

    @property
    def cuts_at_zero(self) -> bool:
        """Where the clamp begins at the zero point."""
        return self.output_min == self.output_zero_point

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Every pair of attributes, and the kernel the other way round."""
        flipped = replace(
            self,
            padding=exchanged_padding(self.padding),
            strides=exchanged_pair(self.strides),
            dilation=exchanged_pair(self.dilation),
        )
        return Exchanged(flipped, exchanged_constant(constants, "weight"))
