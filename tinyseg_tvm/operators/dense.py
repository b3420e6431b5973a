"""Fully connected layer on int8 (ONNX Gemm, MatMul with a constant, QLinearMatMul)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line, reducer
from tinyseg_tvm.operators.accumulators import (
    check_weighted_sum,
    exact_float_type,
    expect_clamp,
    expect_int8,
    expect_weighted_sum_constants,
)
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.requantize import requantize
from tinyseg_tvm.operators.spatial_exchange import exchanged_dense_weight, expect_pixels_of_channels
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Dense(Operator):
    """``y = x * weight^T`` with requantisation and clamp as in Conv2d.

    With ``flatten`` the whole operand (any shape with I elements, in device order) is one input vector and the
    result is (1, O): a reducer that takes lines as they come. Without it the last axis (I) is replaced by O.

    Constants: ``weight`` (O, I) int8 or int16, ``bias`` (O,) int32, ``multiplier`` (O,) float32.
    """

    kind: ClassVar[str] = "dense"
    own_constants: ClassVar[tuple[str, ...]] = ("weight", "bias", "multiplier")

    flatten: bool
    input_zero_point: int
    output_zero_point: int
    output_min: int
    output_max: int

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """(1, O) for ``flatten``, else the last axis becomes O."""
        expect_int8(inputs)
        expect_clamp(self.output_min, self.output_max)
        outputs = expect_weighted_sum_constants(constants, rank=2)
        if len(inputs) != 1 or not inputs[0].shape:
            raise ValueError(f"one operand of rank 1 or more is needed, not {[operand.shape for operand in inputs]}")
        shape = inputs[0].shape
        elements = inputs[0].elements if self.flatten else shape[-1]
        if constants["weight"].shape[1] != elements:
            raise ValueError(f"the weight {constants['weight'].shape} does not fit an operand {shape}")
        return (TensorType((1, outputs) if self.flatten else (*shape[:-1], outputs), "int8"),)

    def check(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> None:
        """No accumulator may overflow."""
        check_weighted_sum(constants, self.input_zero_point)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """A matrix product that is exact in floating point."""
        weight = constants["weight"]
        data = inputs[0].reshape(1, -1) if self.flatten else inputs[0]
        exact = exact_float_type(weight)
        centred = (data.astype(np.int16) - np.int16(self.input_zero_point)).astype(exact)
        accumulator = (centred @ weight.T.astype(exact)).astype(np.int32) + constants["bias"]
        return (
            requantize(accumulator, constants["multiplier"], self.output_zero_point, self.output_min, self.output_max),
        )

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i``; with ``flatten`` a reducer with O int32 accumulators."""
        if self.flatten:
            return reducer(inputs[0], 4 * outputs[0].elements)
        return by_line([each_line(inputs[0].lines)], outputs[0])

    def macs(
        self, inputs: Sequence[TensorType], outputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]
    ) -> int:
        """One per weight and vector."""
        return math.prod(constants["weight"].shape) * (outputs[0].elements // outputs[0].shape[-1])

    @property
    def cuts_at_zero(self) -> bool:
        """Where the clamp begins at the zero point."""
        return self.output_min == self.output_zero_point

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """With ``flatten`` the weight's columns in the operand's new order; the result has none."""
        if self.flatten:
            return Exchanged(self, exchanged_dense_weight(constants, inputs[0]), result=False)
        expect_pixels_of_channels(inputs)
        return Exchanged(self, constants)
