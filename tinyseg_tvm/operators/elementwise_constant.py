"""Binary arithmetic of int8 with a constant per channel (ONNX Add, Sub, Mul)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class ElementwiseConstant(Operator):
    """Elementwise with the constant ``other`` (int8, broadcastable to the activation) as the left or right operand.

    Arithmetic as in Elementwise. Constants: ``other`` (C,) or the activation's shape.
    """

    kind: ClassVar[str] = "elementwise_constant"
    constant_names: ClassVar[tuple[str, ...]] = ("other",)

    function: str  # "add", "sub" or "mul"
    lhs_scale: float
    lhs_zero_point: int
    rhs_scale: float
    rhs_zero_point: int
    output_scale: float
    output_zero_point: int
    output_min: int
    output_max: int
    constant_is_lhs: bool
