"""Integers of 8 or 16 bits to float32 (ONNX DequantizeLinear, per tensor)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import LineByLine
from tinyseg_tvm.operators.arithmetic.onnx_functions import dequantize
from tinyseg_tvm.operators.base import Operator
from tinyseg_tvm.operators.tensor_type import QUANTIZED_TYPES, TensorType


@dataclass(frozen=True)
class Dequantize(LineByLine, Operator):
    """``y = float32(x - zero_point) * scale`` in float32."""

    kind: ClassVar[str] = "dequantize"
    onnx: ClassVar[tuple[str, ...]] = ("DequantizeLinear",)
    each_element: ClassVar[bool] = True

    scale: float
    zero_point: int

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        if len(inputs) != 1 or inputs[0].dtype not in QUANTIZED_TYPES:
            raise ValueError(f"one quantised operand is needed, not {[operand.dtype for operand in inputs]}")
        return (TensorType(inputs[0].shape, "float32"),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula above."""
        return (dequantize(inputs[0], self.scale, self.zero_point),)

    @property
    def operand_quantization(self) -> tuple[float, int]:
        """As its attributes say."""
        return self.scale, self.zero_point
