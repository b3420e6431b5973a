"""Average pooling on int8 (ONNX AveragePool, QLinearAveragePool)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class AveragePool2d(Operator):
    """``acc = sum(x - input_zero_point)`` over the window in int32,
    ``y = clip(round_half_even(float32(acc) * m) + output_zero_point, -128, 127)`` with
    ``m = float32(float32(input_scale / output_scale) / count)``; ``count`` is the window's pixels inside the map, or
    the kernel's size with ``count_include_pad``.
    """

    kind: ClassVar[str] = "average_pool2d"

    kernel: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    count_include_pad: bool
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int
