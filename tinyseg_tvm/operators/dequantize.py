"""int8 to float32 (ONNX DequantizeLinear, per tensor)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class Dequantize(Operator):
    """``y = float32(x - zero_point) * scale`` in float32."""

    kind: ClassVar[str] = "dequantize"

    scale: float
    zero_point: int
