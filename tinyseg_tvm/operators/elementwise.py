"""Binary arithmetic on int8 (ONNX Add, Sub, Mul; QLinearAdd, QLinearMul)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class Elementwise(Operator):
    """``add``, ``sub`` or ``mul`` of two int8 tensors in ONNX float32 semantics:
    ``y = clip(round_half_even(f(a', b') / output_scale) + output_zero_point, output_min, output_max)`` with
    ``a' = float32(a - lhs_zero_point) * lhs_scale``, each operation rounded to float32 (no fused multiply-add).

    Operands: ``a``, ``b``, both activations. The shapes are equal, or one operand broadcasts: it has one element, or
    (1, 1, 1, C) against (1, H, W, C). A scalar constant operand makes the operator a Lookup; any other constant
    an ElementwiseConstant.
    """

    kind: ClassVar[str] = "elementwise"

    function: str  # "add", "sub" or "mul"
    lhs_scale: float
    lhs_zero_point: int
    rhs_scale: float
    rhs_zero_point: int
    output_scale: float
    output_zero_point: int
    output_min: int
    output_max: int
