"""Rearranges channels into pixels (ONNX DepthToSpace). Any element type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class DepthToSpace(Operator):
    """(1, H, W, C) to (1, H * block, W * block, C / block^2); ``mode`` "DCR" or "CRD" as in ONNX."""

    kind: ClassVar[str] = "depth_to_space"

    block: int
    mode: str
