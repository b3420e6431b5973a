"""Fully connected layer on float32 (ONNX Gemm, MatMul with a constant)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line, reducer
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.float_arithmetic import (
    clamp,
    expect_bounds,
    expect_float32,
    expect_float_weights,
    fused_multiply_add,
)
from tinyseg_tvm.operators.spatial_exchange import exchanged_dense_weight, expect_pixels_of_channels
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class FloatDense(Operator):
    """``acc = bias[o]``, then ``acc = fma(x[i], w[o, i], acc)`` in the order of ``i``, then
    ``y = clip(acc, output_min, output_max)``.

    With ``flatten`` the whole operand (any shape with I elements, in device order) is one input vector and the
    result is (1, O): a reducer that takes lines as they come. Without it the last axis (I) is replaced by O.

    Constants: ``weight`` (O, I) float32, ``bias`` (O,) float32.
    """

    kind: ClassVar[str] = "float_dense"
    own_constants: ClassVar[tuple[str, ...]] = ("weight", "bias")

    flatten: bool
    output_min: float
    output_max: float

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """(1, O) for ``flatten``, else the last axis becomes O."""
        expect_float32(inputs, 1)
        expect_bounds(self.output_min, self.output_max)
        outputs = expect_float_weights(constants, rank=2)
        shape = inputs[0].shape
        if not shape:
            raise ValueError("an operand of rank 1 or more is needed")
        elements = inputs[0].elements if self.flatten else shape[-1]
        if constants["weight"].shape[1] != elements:
            raise ValueError(f"the weight {constants['weight'].shape} does not fit an operand {shape}")
        return (TensorType((1, outputs) if self.flatten else (*shape[:-1], outputs), "float32"),)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The formula above, vectorised over vectors and outputs."""
        weight = constants["weight"]
        data = inputs[0].reshape(1, -1) if self.flatten else inputs[0]
        shape = (*data.shape[:-1], weight.shape[0])
        accumulator = np.broadcast_to(constants["bias"], shape).copy()
        for element in range(weight.shape[1]):
            accumulator = fused_multiply_add(data[..., element, np.newaxis], weight[:, element], accumulator)
        return (clamp(accumulator, self.output_min, self.output_max),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i``; with ``flatten`` a reducer with O float32 accumulators."""
        if self.flatten:
            return reducer(inputs[0], 4 * outputs[0].elements)
        return by_line([each_line(inputs[0].lines)], outputs[0])

    def macs(
        self, inputs: Sequence[TensorType], outputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]
    ) -> int:
        """One per weight and vector."""
        return math.prod(constants["weight"].shape) * (outputs[0].elements // outputs[0].shape[-1])

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """With ``flatten`` the weight's columns in the operand's new order; the result has none."""
        if self.flatten:
            return Exchanged(self, exchanged_dense_weight(constants, inputs[0]), result=False)
        expect_pixels_of_channels(inputs)
        return Exchanged(self, constants)
