"""Max pooling on int8 (ONNX MaxPool)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class MaxPool2d(Operator):
    """Padding never wins. ``ceil_mode`` is already folded into the bottom and right padding."""

    kind: ClassVar[str] = "max_pool2d"

    kernel: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, left, bottom, right
    dilation: tuple[int, int]
