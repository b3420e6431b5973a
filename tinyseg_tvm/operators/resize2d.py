"""Nearest and bilinear resizing of int8 maps (ONNX Resize)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class Resize2d(Operator):
    """Separable resizing whose coordinates were computed at compile time, for all coordinate modes alike.

    Constants: ``rows`` (OH, T) int32 source rows of each output row and ``row_weights`` (OH, T) int32, ``columns`` (OW, T)
    and ``column_weights``. Nearest: T = 1, weights 1, the value is copied (equal quantisation). Bilinear: T = 2, weights are
    round_half_even(2048 * weight), a pair sums to 2048:
    ``acc = sum(row_weight * column_weight * (x - input_zero_point))`` in int32,
    ``y = clip(round_half_even(float32(acc) * multiplier) + output_zero_point, -128, 127)``,
    ``multiplier = float32(float32(input_scale / output_scale) / 2^22)``.
    """

    kind: ClassVar[str] = "resize2d"
    constant_names: ClassVar[tuple[str, ...]] = ("rows", "row_weights", "columns", "column_weights")

    method: str  # "nearest" or "linear"
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int
