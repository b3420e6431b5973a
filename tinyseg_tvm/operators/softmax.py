"""Softmax over the last axis (ONNX Softmax, QLinearSoftmax)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import LineByLine
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.base import Exchanged, Operator
from tinyseg_tvm.operators.spatial_exchange import expect_pixels_of_channels
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Softmax(LineByLine, Operator):
    """What exponentials are and how they are divided is the arithmetic's; it may have a table as a constant."""

    kind: ClassVar[str] = "softmax"
    onnx: ClassVar[tuple[str, ...]] = ("Softmax",)

    arithmetic: forms.Softmax

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        self.arithmetic.expect_operands(inputs)
        if len(inputs) != 1 or not inputs[0].shape:
            raise ValueError(f"one operand of rank 1 or more is needed, not {[operand.shape for operand in inputs]}")
        self.arithmetic.expect_constants(constants)
        return (TensorType(inputs[0].shape, self.arithmetic.result_dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Over the last axis, vectorised over everything else."""
        return (self.arithmetic.results(inputs[0], constants),)

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Along the channels."""
        expect_pixels_of_channels(inputs)
        return Exchanged(self, constants)
