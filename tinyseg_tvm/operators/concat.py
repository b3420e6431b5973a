"""Concatenation of tensors of equal quantisation (ONNX Concat)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class Concat(Operator):
    """Copies its operands one after the other along ``axis`` (of the device layout). Any element type."""

    kind: ClassVar[str] = "concat"

    axis: int
