"""Softmax over the last axis of int8 (ONNX Softmax, QLinearSoftmax)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class Softmax(Operator):
    """``e[i] = table[max(x) - x[i]]``, summed in order of ``i`` in float32, ``p = e[i] / sum`` in float32,
    ``y = clip(round_half_even(p / output_scale) + output_zero_point, -128, 127)``.

    Constants: ``table`` (256,) float32, ``table[d] = float32(exp(-d * input_scale))``, computed in float64.
    """

    kind: ClassVar[str] = "softmax"
    constant_names: ClassVar[tuple[str, ...]] = ("table",)

    output_scale: float
    output_zero_point: int
