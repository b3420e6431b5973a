"""int8 to float32 (ONNX DequantizeLinear, per tensor)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line
from tinyseg_tvm.operators.arithmetic.onnx_functions import dequantize
from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Dequantize(Operator):
    """``y = float32(x - zero_point) * scale`` in float32."""

    kind: ClassVar[str] = "dequantize"
    onnx: ClassVar[tuple[str, ...]] = ("DequantizeLinear",)
    each_element: ClassVar[bool] = True

    scale: float
    zero_point: int

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        if len(inputs) != 1 or inputs[0].dtype not in ("int8", "uint8"):
            raise ValueError(f"one operand of int8 or uint8 is needed, not {[operand.dtype for operand in inputs]}")
        return (TensorType(inputs[0].shape, "float32"),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula above."""
        return (dequantize(inputs[0], self.scale, self.zero_point),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i``."""
        return by_line([each_line(inputs[0].lines)], outputs[0])

    @property
    def operand_quantization(self) -> tuple[float, int]:
        """As its attributes say."""
        return self.scale, self.zero_point
