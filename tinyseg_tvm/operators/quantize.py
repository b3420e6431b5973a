"""float32 to integers of 8 or 16 bits (ONNX QuantizeLinear, per tensor)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import LineByLine
from tinyseg_tvm.operators.arithmetic.onnx_functions import quantize
from tinyseg_tvm.operators.base import Operator
from tinyseg_tvm.operators.tensor_type import QUANTIZED_TYPES, TensorType


@dataclass(frozen=True)
class Quantize(LineByLine, Operator):
    """``y = saturate(round_half_even(x / scale) + zero_point)``, the division in float32. NaN counts as 0: it gives
    the zero point.
    """

    kind: ClassVar[str] = "quantize"
    onnx: ClassVar[tuple[str, ...]] = ("QuantizeLinear",)
    each_element: ClassVar[bool] = True

    scale: float
    zero_point: int
    output_dtype: str  # of QUANTIZED_TYPES

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        if len(inputs) != 1 or inputs[0].dtype != "float32":
            raise ValueError(f"one operand of float32 is needed, not {[operand.dtype for operand in inputs]}")
        if self.output_dtype not in QUANTIZED_TYPES:
            raise ValueError(f"quantising to {self.output_dtype} is not possible; {', '.join(QUANTIZED_TYPES)} are")
        return (TensorType(inputs[0].shape, self.output_dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula above."""
        return (quantize(inputs[0], self.scale, self.zero_point, self.output_dtype),)

    @property
    def result_quantization(self) -> tuple[float, int]:
        """As its attributes say."""
        return self.scale, self.zero_point
