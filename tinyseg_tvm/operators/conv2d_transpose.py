"""Transposed convolution on int8 feature maps (ONNX ConvTranspose)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class Conv2dTranspose(Operator):
    """Transposed convolution with its requantisation and clamp; operands and arithmetic as in Conv2d (one piece).

    Output height is ``(H - 1) * stride - top - bottom + dilation * (KH - 1) + 1 + output_padding``.
    Output pixel (y, x) accumulates input pixel (i, j) with tap (ky, kx) where
    ``y = i * stride - top + ky * dilation`` (same in x).

    Constants: ``weight`` (O, KH, KW, I / groups), ``bias`` (O,), ``multiplier`` (O,).
    """

    kind: ClassVar[str] = "conv2d_transpose"
    constant_names: ClassVar[tuple[str, ...]] = ("weight", "bias", "multiplier")

    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    output_padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    input_zero_point: int
    output_zero_point: int
    output_min: int
    output_max: int
