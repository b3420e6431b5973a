"""Any function of one int8 value, as a table of 256 entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import LineByLine
from tinyseg_tvm.operators.base import Operator
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Lookup(LineByLine, Operator):
    """Unary activations, clips, requantisation and the conversion between uint8 and int8.

    ``y = table[x as uint8 bit pattern]``. Constants: ``table`` (256,) int8 or uint8.
    """

    kind: ClassVar[str] = "lookup"
    onnx: ClassVar[tuple[str, ...]] = (
        "Relu", "Clip", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid", "HardSwish", "Elu", "Selu", "Mish", "Softplus",
        "Softsign", "Erf", "Exp", "Log", "Sqrt", "Abs", "Neg", "Gelu", "Reciprocal", "ThresholdedRelu", "Floor", "Ceil",
        "Round", "Sign", "Sin", "Cos", "Tan", "Sinh", "Cosh", "Asin", "Acos", "Atan", "Asinh", "Acosh", "Atanh",
    )  # fmt: skip
    each_element: ClassVar[bool] = True
    own_constants: ClassVar[tuple[str, ...]] = ("table",)

    output_dtype: str  # "int8" or "uint8"

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        table = constants["table"]
        if len(inputs) != 1 or inputs[0].dtype not in ("int8", "uint8"):
            raise ValueError(f"one operand of int8 or uint8 is needed, not {[operand.dtype for operand in inputs]}")
        if table.shape != (256,) or table.dtype != self.output_dtype or self.output_dtype not in ("int8", "uint8"):
            raise ValueError(f"the table is {table.dtype} of shape {table.shape}; {self.output_dtype} (256,) is needed")
        return (TensorType(inputs[0].shape, self.output_dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The table's entries."""
        return (constants["table"][inputs[0].view(np.uint8)],)
