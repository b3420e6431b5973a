"""From one quantisation to another (ONNX QuantizeLinear of a DequantizeLinear, per tensor)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import LineByLine
from tinyseg_tvm.operators.arithmetic.onnx_functions import dequantize, quantize
from tinyseg_tvm.operators.base import Operator
from tinyseg_tvm.operators.tensor_type import QUANTIZED_TYPES, TensorType


@dataclass(frozen=True)
class Requantize(LineByLine, Operator):
    """``y = clip(round_half_even(x' / output_scale) + output_zero_point, output_min, output_max)`` with
    ``x' = float32(x - input_zero_point) * input_scale``, each operation rounded to float32.

    Where no table does: of or to 16 bits. With equal scales it is a move of the zero point, or to another type, alone.
    """

    kind: ClassVar[str] = "requantize"
    each_element: ClassVar[bool] = True

    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int
    output_min: int
    output_max: int
    output_dtype: str  # of QUANTIZED_TYPES

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        if len(inputs) != 1 or inputs[0].dtype not in QUANTIZED_TYPES:
            raise ValueError(f"one quantised operand is needed, not {[operand.dtype for operand in inputs]}")
        if self.output_dtype not in QUANTIZED_TYPES:
            raise ValueError(f"quantising to {self.output_dtype} is not possible; {', '.join(QUANTIZED_TYPES)} are")
        limits = np.iinfo(self.output_dtype)
        if not limits.min <= self.output_min <= self.output_max <= limits.max:
            raise ValueError(f"the clamp [{self.output_min}, {self.output_max}] is no interval of {self.output_dtype}")
        return (TensorType(inputs[0].shape, self.output_dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula above."""
        real = dequantize(inputs[0], self.input_scale, self.input_zero_point)
        result = quantize(real, self.output_scale, self.output_zero_point, self.output_dtype)
        return (np.clip(result, self.output_min, self.output_max).astype(self.output_dtype),)

    @property
    def cuts_at_zero(self) -> bool:
        """Where the clamp begins at the zero point."""
        return self.output_min == self.output_zero_point

    @property
    def operand_quantization(self) -> tuple[float, int]:
        """As its attributes say."""
        return self.input_scale, self.input_zero_point

    @property
    def result_quantization(self) -> tuple[float, int]:
        """As its attributes say."""
        return self.output_scale, self.output_zero_point
