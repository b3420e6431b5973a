"""Convolution (ONNX Conv, QLinearConv)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.sliding import Sliding
from tinyseg_tvm.operators.spatial_exchange import exchanged_constant, exchanged_padding, exchanged_pair
from tinyseg_tvm.operators.tensor_type import TensorType
from tinyseg_tvm.operators.windows import PaddedMap, Window, windows


@dataclass(frozen=True)
class Conv2d(PaddedMap, Operator):
    """Dense, grouped and depthwise convolution.

    The activation operands are *pieces*: feature maps (1, H, W, C_i) of equal H, W and quantisation, read as
    if concatenated along the channels (a virtual concat; one piece is the ordinary case; grouped convolution takes
    one piece). Taps in the padding are left out of the sum, as if they read 0. 1-D convolutions have W = 1.

    Constants: ``weight`` (O, KH, KW, I / groups), ``bias`` (O,), and those of the arithmetic. Where that has an order,
    products are added in the order of (row, piece, column, channel of the piece).
    """

    kind: ClassVar[str] = "conv2d"
    onnx: ClassVar[tuple[str, ...]] = ("Conv",)
    own_constants: ClassVar[tuple[str, ...]] = ("weight", "bias")

    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    dilation: tuple[int, int]
    groups: int
    arithmetic: forms.WeightedSum

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """One map of the windows that fit, with the weight's output channels."""
        if not inputs:
            raise ValueError("a convolution needs at least one operand")
        self.arithmetic.expect_operands(inputs)
        first = inputs[0].shape
        for piece in inputs:
            if len(piece.shape) != 4 or piece.shape[0] != 1 or piece.shape[:3] != first[:3]:
                raise ValueError(f"the pieces {[p.shape for p in inputs]} are no maps (1, H, W, C) of equal H and W")
        if self.groups > 1 and len(inputs) > 1:
            raise ValueError("a grouped convolution takes one piece")
        channels = sum(piece.shape[3] for piece in inputs)
        outputs = self.arithmetic.expect_constants(constants, rank=4)
        weight = constants["weight"].shape
        if self.groups < 1 or channels % self.groups or outputs % self.groups or weight[3] != channels // self.groups:
            raise ValueError(f"the weight {weight} does not fit {channels} channels in {self.groups} groups")
        down, across = self._windows(weight)
        return (TensorType((1, down.count(first[1]), across.count(first[2]), outputs), self.arithmetic.result_dtype),)

    def _windows(self, weight: tuple[int, ...]) -> tuple[Window, Window]:
        """The kernel down and across the map."""
        return windows((weight[1], weight[2]), self.strides, self.padding, self.dilation)

    def check(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> None:
        """As the arithmetic asks."""
        self.arithmetic.check(constants)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Tap by tap, each added to the sums of the windows that have it inside the map."""
        weight, groups, arithmetic = constants["weight"], self.groups, self.arithmetic
        outputs, rows, taps, _ = weight.shape
        _, height, width, _ = inputs[0].shape
        down, across = self._windows(weight.shape)
        shape = (down.count(height), across.count(width), outputs)
        accumulators = arithmetic.begin(constants, shape)
        sums = accumulators.reshape(*shape[:2], groups, outputs // groups)
        filters = weight.reshape(groups, outputs // groups, rows, taps, -1)
        pieces = [arithmetic.values(piece[0]).reshape(height, width, groups, -1) for piece in inputs]
        for row in range(rows):
            made_y, seen_y = down.inside(row, height, shape[0])
            first = 0
            for values in pieces:
                last = first + values.shape[3]
                for tap in range(taps):
                    made_x, seen_x = across.inside(tap, width, shape[1])
                    arithmetic.add(sums[made_y, made_x], values[seen_y, seen_x], filters[:, :, row, tap, first:last])
                first = last
        return (arithmetic.results(accumulators, constants)[np.newaxis],)

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

    def sliding(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Sliding:
        """As its kernel slides; padding is left out of sums, as the zero point is."""
        return self._windows(constants["weight"].shape)[0].sliding(self.arithmetic.operand_zero)
