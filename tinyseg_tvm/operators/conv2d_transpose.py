"""Transposed convolution on int8 feature maps (ONNX ConvTranspose)."""

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
from tinyseg_tvm.operators.windows import TransposedWindow


@dataclass(frozen=True)
class Conv2dTranspose(Operator):
    """Transposed convolution with its requantisation and clamp; operands and arithmetic as in Conv2d (one piece).

    Output height is ``(H - 1) * stride - top - bottom + dilation * (KH - 1) + 1 + output_padding``.
    Output pixel (y, x) accumulates input pixel (i, j) with tap (ky, kx) where
    ``y = i * stride - top + ky * dilation`` (same in x).

    Constants: ``weight`` (O, KH, KW, I / groups), ``bias`` (O,), ``multiplier`` (O,).
    """

    kind: ClassVar[str] = "conv2d_transpose"
    own_constants: ClassVar[tuple[str, ...]] = ("weight", "bias", "multiplier")

    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    output_padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    input_zero_point: int
    output_zero_point: int
    output_min: int
    output_max: int

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The map that all taps of all input pixels span, less the padding."""
        expect_int8(inputs)
        expect_clamp(self.output_min, self.output_max)
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[0] != 1:
            raise ValueError(f"one map (1, H, W, C) is needed, not {[operand.shape for operand in inputs]}")
        channels = inputs[0].shape[3]
        outputs = expect_weighted_sum_constants(constants, rank=4)
        weight = constants["weight"].shape
        if self.groups < 1 or channels % self.groups or outputs % self.groups or weight[3] != channels // self.groups:
            raise ValueError(f"the weight {weight} does not fit {channels} channels in {self.groups} groups")
        down, across = self._windows(weight)
        shape = (1, down.extent(inputs[0].shape[1]), across.extent(inputs[0].shape[2]), outputs)
        return (TensorType(shape, "int8"),)

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

    def check(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> None:
        """No accumulator may overflow."""
        check_weighted_sum(constants, self.input_zero_point)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """One matrix product per group and tap, added where its pixels land."""
        weight = constants["weight"]
        outputs, depth = weight.shape[0], weight.shape[3]
        per_group = outputs // self.groups
        rows, columns = inputs[0].shape[1:3]
        down, across = self._windows(weight.shape)
        shown = (
            slice(down.before, down.before + down.extent(rows)),
            slice(across.before, across.before + across.extent(columns)),
        )
        # The canvas holds every landing place, and the part of it that is shown.
        canvas = np.zeros(
            (max(shown[0].stop, down.landing(rows)), max(shown[1].stop, across.landing(columns)), outputs), np.int32
        )
        exact = exact_float_type(weight.reshape(outputs, -1))
        centred = inputs[0][0].astype(np.int16) - np.int16(self.input_zero_point)
        for group in range(self.groups):
            pixels = centred[:, :, group * depth : (group + 1) * depth].reshape(-1, depth).astype(exact)
            filters = slice(group * per_group, (group + 1) * per_group)
            for ky in range(down.kernel):
                for kx in range(across.kernel):
                    product = (pixels @ weight[filters, ky, kx].T.astype(exact)).reshape(rows, columns, per_group)
                    target = canvas[down.landing_of(ky, rows), across.landing_of(kx, columns), filters]
                    target += product.astype(np.int32)
        accumulator = canvas[shown] + constants["bias"]
        result = requantize(
            accumulator, constants["multiplier"], self.output_zero_point, self.output_min, self.output_max
        )
        return (result[np.newaxis],)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` writes line ``i`` and reads the lines that contribute to it; maybe none, then it is the bias."""
        down, _ = self._windows(constants["weight"].shape)
        lines = down.taps(inputs[0].lines)
        return by_line([lines], outputs[0])

    def macs(
        self, inputs: Sequence[TensorType], outputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]
    ) -> int:
        """One per weight and input pixel, taps that land in the padding included."""
        return inputs[0].shape[1] * inputs[0].shape[2] * math.prod(constants["weight"].shape)

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
            output_padding=exchanged_pair(self.output_padding),
        )
        return Exchanged(flipped, exchanged_constant(constants, "weight"))
