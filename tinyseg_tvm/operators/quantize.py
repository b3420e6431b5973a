"""float32 to int8 (ONNX QuantizeLinear, per tensor)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class Quantize(Operator):
    """``y = saturate(round_half_even(x / scale) + zero_point)``, the division in float32; NaN gives the zero point saturated from 0."""

    kind: ClassVar[str] = "quantize"

    scale: float
    zero_point: int
    output_dtype: str  # "int8" or "uint8"
