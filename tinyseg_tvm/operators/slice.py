"""Strided part of a tensor (ONNX Slice, Split). Any element type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class Slice(Operator):
    """``y = x[begin:end:stride]`` per axis, strides positive, bounds normalised to the shape."""

    kind: ClassVar[str] = "slice"

    begin: tuple[int, ...]
    end: tuple[int, ...]
    strides: tuple[int, ...]
