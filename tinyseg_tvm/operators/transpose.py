"""Permutation of axes (ONNX Transpose). Any element type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyseg_tvm.operators.base import Operator


@dataclass(frozen=True)
class Transpose(Operator):
    """A permutation that leaves the line axis in place works line by line; any other needs the whole tensor."""

    kind: ClassVar[str] = "transpose"

    permutation: tuple[int, ...]
