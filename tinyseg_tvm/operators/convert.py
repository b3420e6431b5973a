"""Numbers as integers of 32 or 64 bits (ONNX Cast, TensorFlow Lite CAST), as of token ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import LineByLine
from tinyseg_tvm.operators.base import Operator
from tinyseg_tvm.operators.tensor_type import TensorType

OPERAND_TYPES = ("float32", "int32", "int64")
OUTPUT_TYPES = ("int32", "int64")


@dataclass(frozen=True)
class Convert(LineByLine, Operator):
    """``y = integer(x)``, element by element.

    Of integers the lower bits. A float32 loses its fraction (towards zero); NaN is 0. One outside of the integers is
    moved to their ends: those of the result, or where it ``wraps``, those of int64, whose lower bits are taken then.
    """

    kind: ClassVar[str] = "convert"
    onnx: ClassVar[tuple[str, ...]] = ("Cast",)
    each_element: ClassVar[bool] = True

    output_dtype: str  # of OUTPUT_TYPES
    wraps: bool

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        if len(inputs) != 1 or inputs[0].dtype not in OPERAND_TYPES:
            raise ValueError(f"one operand of {', '.join(OPERAND_TYPES)} is needed, not {[x.dtype for x in inputs]}")
        if self.output_dtype not in OUTPUT_TYPES or inputs[0].dtype == self.output_dtype:
            raise ValueError(f"a conversion from {inputs[0].dtype} to {self.output_dtype} is not possible")
        return (TensorType(inputs[0].shape, self.output_dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula above."""
        data = inputs[0]
        if data.dtype == np.float32:
            limits = np.iinfo(np.int64 if self.wraps else self.output_dtype)
            below, above = data <= np.float32(limits.min), data >= np.float32(limits.max)
            inside = np.where(below | above | np.isnan(data), np.float32(0), data).astype(np.int64)
            data = np.where(above, limits.max, np.where(below, limits.min, inside))
        return (data.astype(self.output_dtype),)
