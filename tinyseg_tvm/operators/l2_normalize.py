"""Vectors along the last axis divided by their length (TensorFlow Lite's L2_NORMALIZATION)."""

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
class L2Normalize(LineByLine, Operator):
    """``y[i] = x[i] / sqrt(sum(x^2))`` over the last axis; how it is rounded is the arithmetic's."""

    kind: ClassVar[str] = "l2_normalize"

    arithmetic: forms.Normalization

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The operand's shape."""
        self.arithmetic.expect_operands(inputs)
        if len(inputs) != 1 or not inputs[0].shape:
            raise ValueError(f"one operand of rank 1 or more is needed, not {[operand.shape for operand in inputs]}")
        if inputs[0].shape[-1] > self.arithmetic.most_values():
            raise ValueError(f"vectors of {inputs[0].shape[-1]} values are longer than {self.arithmetic.most_values()}")
        return (TensorType(inputs[0].shape, self.arithmetic.dtype),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Over the last axis, vectorised over everything else."""
        return (self.arithmetic.results(inputs[0]),)

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """Along the channels."""
        expect_pixels_of_channels(inputs)
        return Exchanged(self, constants)
