"""Index of the largest value along the last axis (ONNX ArgMax)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class ArgMax(Operator):
    """The lowest index wins, or the highest with ``select_last_index``."""

    kind: ClassVar[str] = "argmax"

    keepdims: bool
    select_last_index: bool
    output_dtype: str  # "int64", "int32" or "uint8"
