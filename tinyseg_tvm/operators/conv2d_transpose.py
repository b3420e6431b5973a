"""Transposed convolution (ONNX ConvTranspose)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator, Part, Slid
from tinyseg_tvm.operators.sliding import Sliding
from tinyseg_tvm.operators.spatial_exchange import exchanged_constant, exchanged_padding, exchanged_pair
from tinyseg_tvm.operators.tensor_type import TensorType
from tinyseg_tvm.operators.windows import TransposedWindow


@dataclass(frozen=True)
class Conv2dTranspose(Operator):
    """Transposed convolution of one map.

    Output height is ``(H - 1) * stride - top - bottom + dilation * (KH - 1) + 1 + output_padding``.
    Output pixel (y, x) accumulates input pixel (i, j) with tap (ky, kx) where
    ``y = i * stride - top + ky * dilation`` (same in x).

    Constants: ``weight`` (O, KH, KW, I / groups), ``bias`` (O,), and those of the arithmetic. Where that has an order,
    products are added in the order of (row, column, channel) of the kernel.
    """

    kind: ClassVar[str] = "conv2d_transpose"
    onnx: ClassVar[tuple[str, ...]] = ("ConvTranspose",)
    own_constants: ClassVar[tuple[str, ...]] = ("weight", "bias")

    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    output_padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    arithmetic: forms.WeightedSum

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The map that all taps of all input pixels span, less the padding."""
        self.arithmetic.expect_operands(inputs)
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[0] != 1:
            raise ValueError(f"one map (1, H, W, C) is needed, not {[operand.shape for operand in inputs]}")
        channels = inputs[0].shape[3]
        outputs = self.arithmetic.expect_constants(constants, rank=4)
        weight = constants["weight"].shape
        if self.groups < 1 or channels % self.groups or outputs % self.groups or weight[3] != channels // self.groups:
            raise ValueError(f"the weight {weight} does not fit {channels} channels in {self.groups} groups")
        down, across = self._windows(weight)
        shape = (1, down.extent(inputs[0].shape[1]), across.extent(inputs[0].shape[2]), outputs)
        return (TensorType(shape, self.arithmetic.result_dtype),)

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
        """As the arithmetic asks."""
        self.arithmetic.check(constants)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Tap by tap, each added where its pixels land."""
        weight, groups, arithmetic = constants["weight"], self.groups, self.arithmetic
        outputs, rows, taps, depth = weight.shape
        _, height, width, _ = inputs[0].shape
        down, across = self._windows(weight.shape)
        shown = (
            slice(down.before, down.before + down.extent(height)),
            slice(across.before, across.before + across.extent(width)),
        )
        # The canvas holds every landing place, and the part of it that is shown.
        shape = (max(shown[0].stop, down.landing(height)), max(shown[1].stop, across.landing(width)))
        canvas = arithmetic.begin(constants, (*shape, outputs))
        sums = canvas.reshape(*shape, groups, outputs // groups)
        filters = weight.reshape(groups, outputs // groups, rows, taps, depth)
        values = arithmetic.values(inputs[0][0]).reshape(height, width, groups, depth)
        for row in range(rows):
            for tap in range(taps):
                landing = sums[down.landing_of(row, height), across.landing_of(tap, width)]
                arithmetic.add(landing, values, filters[:, :, row, tap])
        return (np.ascontiguousarray(arithmetic.results(canvas[shown], constants))[np.newaxis],)

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

    def sliding(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Sliding:
        """As its kernel lands."""
        return self._windows(constants["weight"].shape)[0].sliding(self.arithmetic.operand_zero)

    def over(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray], part: Part) -> Slid:
        """With as much cut off as lands outside of the part."""
        window, _ = self._windows(constants["weight"].shape)
        down = window.part(part.first, part.lines, part.first_read, part.lines_read)
        _, left, _, right = self.padding
        padding = (down.before, left, down.after, right)
        operator = replace(self, padding=padding, output_padding=(down.output_padding, self.output_padding[1]))
        return Slid(operator, constants)
