"""Shape and element type of a tensor, and how it divides into lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

QUANTIZED_TYPES = ("int8", "uint8", "int16", "uint16")
"""Element types of quantised tensors."""


@dataclass(frozen=True)
class TensorType:
    """A static shape and a NumPy element type name (``int8``, ``float32``, ...).

    Feature maps are NHWC with N = 1. A *line* is one index along the streaming axis:

    ==================  =================  ==================
    shape               lines              line shape
    ==================  =================  ==================
    (1, H, W, C)        H                  (W, C)
    (1, L, C)           L                  (C,)
    (N, ...), N > 1     N                  (...)
    (1, C)              1                  (C,)
    (C,) or ()          1                  (C,) or ()
    ==================  =================  ==================
    """

    shape: tuple[int, ...]
    dtype: str

    @property
    def line_axis(self) -> int | None:
        """The axis that lines are indices of, or None where the tensor is a single line."""
        if len(self.shape) >= 3 and self.shape[0] == 1:
            return 1
        return 0 if len(self.shape) >= 2 else None

    @property
    def lines(self) -> int:
        """Number of lines."""
        axis = self.line_axis
        return 1 if axis is None else self.shape[axis]

    @property
    def line_shape(self) -> tuple[int, ...]:
        """Shape of one line."""
        axis = self.line_axis
        return self.shape if axis is None else self.shape[axis + 1 :]

    @property
    def line_elements(self) -> int:
        """Elements of one line."""
        return math.prod(self.line_shape)

    @property
    def line_bytes(self) -> int:
        """Bytes of one line, without padding."""
        return self.line_elements * np.dtype(self.dtype).itemsize

    @property
    def elements(self) -> int:
        """Elements of the whole tensor."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes of the whole tensor, without padding."""
        return self.elements * np.dtype(self.dtype).itemsize


def expect_map(inputs: Sequence[TensorType]) -> tuple[int, ...]:
    """Shape of the only operand, a map (1, H, W, C); ValueError where it is none."""
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[0] != 1:
        raise ValueError(f"one map (1, H, W, C) is needed, not {[operand.shape for operand in inputs]}")
    return inputs[0].shape


def lowest_value(dtype: str) -> float:
    """The lowest value of an element type: of floats minus infinity."""
    return -np.inf if np.issubdtype(np.dtype(dtype), np.floating) else float(np.iinfo(dtype).min)
