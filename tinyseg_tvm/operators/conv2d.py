"""Convolution on int8 feature maps (ONNX Conv, QLinearConv)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class Conv2d(Operator):
    """Dense, grouped and depthwise convolution, with its requantisation and clamp.

    The activation operands are *pieces*: feature maps (1, H, W, C_i) of equal H, W and quantisation, read as
    if concatenated along the channels (a virtual concat; one piece is the ordinary case; grouped convolution takes one piece).
    Padding reads the input zero point. 1-D convolutions have W = 1.

    Constants: ``weight`` (O, KH, KW, I / groups) int8, or int16 where an asymmetric weight's ``w - zero_point``
    leaves int8; weights are always free of a zero point. ``bias`` (O,) int32. ``multiplier`` (O,) float32.

    ``acc = bias[o] + sum((x - input_zero_point) * w)`` in int32,
    ``y = clip(round_half_even(float32(acc) * multiplier[o]) + output_zero_point, output_min, output_max)``.
    """

    kind: ClassVar[str] = "conv2d"
    constant_names: ClassVar[tuple[str, ...]] = ("weight", "bias", "multiplier")

    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    dilation: tuple[int, int]
    groups: int
    input_zero_point: int
    output_zero_point: int
    output_min: int
    output_max: int
