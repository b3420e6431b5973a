"""float32 to int8 (ONNX QuantizeLinear, per tensor)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line
from tinyseg_tvm.operators.arithmetic.onnx_functions import quantize
from tinyseg_tvm.operators.base import LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Quantize(Operator):
    """``y = saturate(round_half_even(x / scale) + zero_point)``, the division in float32. NaN counts as 0: it gives
    the zero point.
    """

    kind: ClassVar[str] = "quantize"
    onnx: ClassVar[tuple[str, ...]] = ("QuantizeLinear",)
    each_element: ClassVar[bool] = True

    scale: float
    zero_point: int
    output_dtype: str  # "int8" or "uint8"

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        if len(inputs) != 1 or inputs[0].dtype != "float32":
            raise ValueError(f"one operand of float32 is needed, not {[operand.dtype for operand in inputs]}")
        if self.output_dtype not in ("int8", "uint8"):
            raise ValueError(f"quantising to {self.output_dtype} is not possible; int8 or uint8 is")
        return (TensorType(inputs[0].shape, self.output_dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula above."""
        return (quantize(inputs[0], self.scale, self.zero_point, self.output_dtype),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i``."""
        return by_line([each_line(inputs[0].lines)], outputs[0])

    @property
    def result_quantization(self) -> tuple[float, int]:
        """As its attributes say."""
        return self.scale, self.zero_point
