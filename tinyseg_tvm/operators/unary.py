"""A function of each integer, computed: where there are too many values for a table (TensorFlow Lite's of int16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import LineByLine
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.base import Operator
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Unary(LineByLine, Operator):
    """``y = result(x)``, by its arithmetic; operand and result may be of different types."""

    kind: ClassVar[str] = "unary"
    each_element: ClassVar[bool] = True

    arithmetic: forms.Unary

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        if len(inputs) != 1:
            raise ValueError(f"one operand is needed, not {len(inputs)}")
        self.arithmetic.expect_operands(inputs)
        return (TensorType(inputs[0].shape, self.arithmetic.result_dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The arithmetic's formula, vectorised."""
        return (self.arithmetic.results(inputs[0]),)
