"""The same elements under another shape (ONNX Reshape, Flatten, Squeeze, Unsqueeze). Any element type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class Reshape(Operator):
    """Elements keep their device order. Where line shapes are equal it works line by line, else on the whole tensor; in place."""

    kind: ClassVar[str] = "reshape"

    shape: tuple[int, ...]
