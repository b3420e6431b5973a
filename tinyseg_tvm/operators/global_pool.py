"""Pooling over all pixels of an int8 map (ONNX GlobalAveragePool, ReduceMean, GlobalMaxPool)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class GlobalPool(Operator):
    """(1, H, W, C) to (1, 1, 1, C): a reducer that takes lines as they come. ``average`` computes as AveragePool2d with
    ``count = H * W``; ``max`` takes the largest value (equal quantisation in and out).
    """

    kind: ClassVar[str] = "global_pool"

    function: str  # "average" or "max"
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int
