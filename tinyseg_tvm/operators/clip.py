"""Clamp of float32 and of int16 (ONNX Relu, Clip); values of 8 bits are clamped by a Lookup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import LineByLine
from tinyseg_tvm.operators.arithmetic.float32 import clamp as clamped_values
from tinyseg_tvm.operators.arithmetic.float32 import expect_bounds
from tinyseg_tvm.operators.base import Operator
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Clip(LineByLine, Operator):
    """``y = clip(x, low, high)``, where it could not be part of the operator before it. Of int16 the bounds are values
    of that type.
    """

    kind: ClassVar[str] = "clip"
    each_element: ClassVar[bool] = True

    low: float
    high: float

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        if len(inputs) != 1 or inputs[0].dtype not in ("float32", "int16"):
            raise ValueError(f"one operand of float32 or int16 is needed, not {[operand.dtype for operand in inputs]}")
        if inputs[0].dtype == "float32":
            expect_bounds(self.low, self.high)
        elif not -32768 <= self.low <= self.high <= 32767 or self.low % 1 or self.high % 1:
            raise ValueError(f"the clamp [{self.low}, {self.high}] is no interval of int16")
        return (inputs[0],)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The clamp."""
        if inputs[0].dtype == np.float32:
            return (clamped_values(inputs[0], self.low, self.high),)
        return (np.clip(inputs[0], np.int16(self.low), np.int16(self.high)),)

    @property
    def keeps_quantization(self) -> bool:
        """It does."""
        return True

    @property
    def clamp(self) -> tuple[float, float]:
        """As its attributes say."""
        return self.low, self.high

    def clamped(self, low: float, high: float) -> Clip:
        """With other ends."""
        return replace(self, low=low, high=high)
