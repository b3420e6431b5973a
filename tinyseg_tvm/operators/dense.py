"""Fully connected layer (ONNX Gemm, MatMul with a constant, QLinearMatMul)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line, each_line, reducer
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.spatial_exchange import exchanged_dense_weight, expect_pixels_of_channels
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class Dense(Operator):
    """``y = x * weight^T + bias``.

    With ``flatten`` the whole operand (any shape with I elements, in device order) is one input vector and the
    result is (1, O): a reducer that takes lines as they come. Without it the last axis (I) is replaced by O.

    Constants: ``weight`` (O, I), ``bias`` (O,), and those of the arithmetic. Where that has an order, products are
    added in the order of the operand's elements.
    """

    kind: ClassVar[str] = "dense"
    onnx: ClassVar[tuple[str, ...]] = ("Gemm", "MatMul")
    own_constants: ClassVar[tuple[str, ...]] = ("weight", "bias")

    flatten: bool
    arithmetic: forms.WeightedSum

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """(1, O) for ``flatten``, else the last axis becomes O."""
        self.arithmetic.expect_operands(inputs)
        outputs = self.arithmetic.expect_constants(constants, rank=2)
        if len(inputs) != 1 or not inputs[0].shape:
            raise ValueError(f"one operand of rank 1 or more is needed, not {[operand.shape for operand in inputs]}")
        shape = inputs[0].shape
        elements = inputs[0].elements if self.flatten else shape[-1]
        if constants["weight"].shape[1] != elements:
            raise ValueError(f"the weight {constants['weight'].shape} does not fit an operand {shape}")
        return (TensorType((1, outputs) if self.flatten else (*shape[:-1], outputs), self.arithmetic.result_dtype),)

    def check(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> None:
        """As the arithmetic asks."""
        self.arithmetic.check(constants)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """All vectors at once."""
        weight = constants["weight"]
        outputs, elements = weight.shape
        data = inputs[0].reshape(1, -1) if self.flatten else inputs[0]
        vectors = self.arithmetic.values(data).reshape(-1, 1, elements)
        accumulators = self.arithmetic.begin(constants, (len(vectors), outputs))
        self.arithmetic.add(accumulators.reshape(-1, 1, outputs), vectors, weight[np.newaxis])
        return (self.arithmetic.results(accumulators, constants).reshape(*data.shape[:-1], outputs),)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Line ``i`` to line ``i``; with ``flatten`` a reducer with O accumulators."""
        if self.flatten:
            return reducer(inputs[0], self.arithmetic.accumulator_bytes(constants) * outputs[0].elements)
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
