"""Padding with a constant value (ONNX Pad, mode constant). Any element type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class Pad(Operator):
    """``before`` and ``after`` give the elements added per axis; negative amounts are slices and not allowed here."""

    kind: ClassVar[str] = "pad"

    before: tuple[int, ...]
    after: tuple[int, ...]
    value: float
