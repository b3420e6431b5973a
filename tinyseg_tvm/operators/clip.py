"""Clamp of float32 (ONNX Relu, Clip); quantised values are clamped by a Lookup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line
from tinyseg_tvm.operators.arithmetic.float32 import clamp as clamped_values
from tinyseg_tvm.operators.arithmetic.float32 import expect_bounds
from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Clip(Operator):
    """``y = clip(x, low, high)``, where it could not be part of the operator before it."""

    kind: ClassVar[str] = "clip"
    each_element: ClassVar[bool] = True

    low: float
    high: float

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        if len(inputs) != 1 or inputs[0].dtype != "float32":
            raise ValueError(f"one operand of float32 is needed, not {[operand.dtype for operand in inputs]}")
        expect_bounds(self.low, self.high)
        return (inputs[0],)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The clamp."""
        return (clamped_values(inputs[0], self.low, self.high),)

    @property
    def clamp(self) -> tuple[float, float]:
        """As its attributes say."""
        return self.low, self.high

    def clamped(self, low: float, high: float) -> Clip:
        """With other ends."""
        return replace(self, low=low, high=high)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i``."""
        return by_line([each_line(inputs[0].lines)], outputs[0])

    def in_place(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[int, ...]:
        """Always."""
        return (0,)
