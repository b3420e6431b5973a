"""Fully connected layer on int8 (ONNX Gemm, MatMul with a constant, QLinearMatMul)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class Dense(Operator):
    """``y = x * weight^T`` with requantisation and clamp as in Conv2d.

    With ``flatten`` the whole operand (any shape with I elements, in device order) is one input vector and the
    result is (1, O): a reducer that takes lines as they come. Without it the last axis (I) is replaced by O.

    Constants: ``weight`` (O, I) int8 or int16, ``bias`` (O,) int32, ``multiplier`` (O,) float32.
    """

    kind: ClassVar[str] = "dense"
    constant_names: ClassVar[tuple[str, ...]] = ("weight", "bias", "multiplier")

    flatten: bool
    input_zero_point: int
    output_zero_point: int
    output_min: int
    output_max: int
