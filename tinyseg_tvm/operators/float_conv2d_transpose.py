"""Transposed convolution on float32 feature maps (ONNX ConvTranspose)."""

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
    expect_float_weights,
    expect_map,
    fused_multiply_add,
)
from tinyseg_tvm.operators.spatial_exchange import exchanged_constant, exchanged_padding, exchanged_pair
from tinyseg_tvm.operators.tensor_type import TensorType
from tinyseg_tvm.operators.windows import TransposedWindow


@dataclass(frozen=True)
class FloatConv2dTranspose(Operator):
    """Transposed convolution in float32 with its clamp; shapes and taps as in Conv2dTranspose.

    Constants: ``weight`` (O, KH, KW, I / groups) float32, ``bias`` (O,) float32.

    ``acc = bias[o]``, then ``acc = fma(x, w, acc)`` for every tap that reaches the pixel in the order of (row, column,
    channel) of the kernel, then ``y = clip(acc, output_min, output_max)``.
    """

    kind: ClassVar[str] = "float_conv2d_transpose"
    own_constants: ClassVar[tuple[str, ...]] = ("weight", "bias")

    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    output_padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    output_min: float
    output_max: float

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The map that all taps of all input pixels span, less the padding."""
        _, height, width, channels = expect_map(inputs)
        expect_bounds(self.output_min, self.output_max)
        outputs = expect_float_weights(constants, rank=4)
        weight = constants["weight"].shape
        if self.groups < 1 or channels % self.groups or outputs % self.groups or weight[3] != channels // self.groups:
            raise ValueError(f"the weight {weight} does not fit {channels} channels in {self.groups} groups")
        down, across = self._windows(weight)
        return (TensorType((1, down.extent(height), across.extent(width), outputs), "float32"),)

    def _windows(self, weight: tuple[int, ...]) -> tuple[TransposedWindow, TransposedWindow]:
        """The kernel down and across the map."""
        down, across = (
            TransposedWindow(
                kernel=weight[1 + axis],
                stride=self.strides[axis],
                before=self.padding[axis],
                after=self.padding[2 + axis],
                dilation=self.dilation[axis],
                output_padding=self.output_padding[axis],
            )
            for axis in (0, 1)
        )
        return down, across

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Tap by tap and channel by channel, each added where its pixels land."""
        weight, groups = constants["weight"], self.groups
        outputs, rows, taps, depth = weight.shape
        _, height, width, _ = inputs[0].shape
        down, across = self._windows(weight.shape)
        shown = (
            slice(down.before, down.before + down.extent(height)),
            slice(across.before, across.before + across.extent(width)),
        )
        # The canvas holds every landing place, and the part of it that is shown.
        shape = (max(shown[0].stop, down.landing(height)), max(shown[1].stop, across.landing(width)))
        canvas = np.broadcast_to(constants["bias"].reshape(groups, -1), (*shape, groups, outputs // groups)).copy()
        data = inputs[0][0].reshape(height, width, groups, depth)
        filters = weight.reshape(groups, outputs // groups, rows, taps, depth)
        for row in range(rows):
            for tap in range(taps):
                landing = canvas[down.landing_of(row, height), across.landing_of(tap, width)]
                for channel in range(depth):
                    factor = filters[:, :, row, tap, channel]
                    landing[:] = fused_multiply_add(data[:, :, :, channel, np.newaxis], factor, landing)
        result = np.ascontiguousarray(canvas[shown]).reshape(1, down.extent(height), across.extent(width), outputs)
        return (clamp(result, self.output_min, self.output_max),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` writes line ``i`` and reads the lines that contribute to it; maybe none, then it is the bias."""
        down, _ = self._windows(constants["weight"].shape)
        return by_line([down.taps(inputs[0].lines)], outputs[0])

    def macs(
        self, inputs: Sequence[TensorType], outputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]
    ) -> int:
        """One per weight and input pixel, taps that land in the padding included."""
        return inputs[0].shape[1] * inputs[0].shape[2] * math.prod(constants["weight"].shape)

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Every pair of attributes, and the kernel the other way round."""
        flipped = replace(
            self,
            padding=exchanged_padding(self.padding),
            strides=exchanged_pair(self.strides),
            dilation=exchanged_pair(self.dilation),
            output_padding=exchanged_pair(self.output_padding),
        )
        return Exchanged(flipped, exchanged_constant(constants, "weight"))
