"""Nearest and bilinear resizing of int8 maps (ONNX Resize)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.accumulators import expect_int8
from tinyseg_tvm.operators.arithmetic.onnx import average_multiplier, requantize
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType

_TAPS = {"nearest": 1, "linear": 2}
_WEIGHT_UNIT = 2048  # a pair of linear weights sums to this


@dataclass(frozen=True)
class Resize2d(Operator):
    """Separable resizing whose coordinates were computed at compile time, for all coordinate modes alike.

    Constants: ``rows`` (OH, T) int32 source rows of each output row and ``row_weights`` (OH, T) int32, ``columns``
    (OW, T) and ``column_weights``. Nearest: T = 1, weights 1, the value is copied (equal quantisation). Bilinear:
    T = 2, weights are round_half_even(2048 * weight), a pair sums to 2048. A row of weight 0 is not read:
    ``acc = sum(row_weight * column_weight * (x - input_zero_point))`` in int32,
    ``y = clip(round_half_even(float32(acc) * multiplier) + output_zero_point, -128, 127)``,
    ``multiplier = float32(float32(input_scale / output_scale) / 2^22)``.
    """

    kind: ClassVar[str] = "resize2d"
    own_constants: ClassVar[tuple[str, ...]] = ("rows", "row_weights", "columns", "column_weights")

    method: str  # "nearest" or "linear"
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The extents of the tables."""
        expect_int8(inputs)
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[0] != 1:
            raise ValueError(f"one map (1, H, W, C) is needed, not {[operand.shape for operand in inputs]}")
        if self.method not in _TAPS:
            raise ValueError(f"method {self.method!r} is neither 'nearest' nor 'linear'")
        taps = _TAPS[self.method]
        for name in self.constant_names:
            table = constants[name]
            if table.dtype != "int32" or len(table.shape) != 2 or table.shape[1] != taps:
                raise ValueError(f"{name} is {table.dtype} of shape {table.shape}; int32 (_, {taps}) is needed")
        for axis in ("row", "column"):
            if constants[f"{axis}s"].shape != constants[f"{axis}_weights"].shape:
                raise ValueError(f"{axis}s and {axis}_weights differ in shape")
        before = (self.input_scale, self.input_zero_point)
        if self.method == "nearest" and before != (self.output_scale, self.output_zero_point):
            raise ValueError("nearest resizing keeps its operand's scale and zero point")
        shape = (1, constants["rows"].shape[0], constants["columns"].shape[0], inputs[0].shape[3])
        return (TensorType(shape, "int8"),)

    def check(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> None:
        """Sources lie inside the map; weights are not negative and sum to their unit."""
        for axis, extent in (("row", inputs[0].shape[1]), ("column", inputs[0].shape[2])):
            sources, weights = constants[f"{axis}s"], constants[f"{axis}_weights"]
            if sources.min() < 0 or sources.max() >= extent:
                raise ValueError(f"{axis}s reach outside the {extent} {axis}s of the map")
            unit = 1 if self.method == "nearest" else _WEIGHT_UNIT
            if weights.min() < 0 or (weights.sum(axis=1) != unit).any():
                raise ValueError(f"{axis}_weights are negative or do not sum to {unit}")

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Gathers for nearest; weighted integer sums of rows, then of columns, for linear."""
        data = inputs[0][0]
        rows, columns = constants["rows"], constants["columns"]
        if self.method == "nearest":
            return (data.take(rows[:, 0], axis=0).take(columns[:, 0], axis=1)[np.newaxis],)
        centred = data.astype(np.int32) - self.input_zero_point
        weights = constants["row_weights"][:, :, np.newaxis, np.newaxis]
        tall = centred.take(rows[:, 0], axis=0) * weights[:, 0] + centred.take(rows[:, 1], axis=0) * weights[:, 1]
        weights = constants["column_weights"][:, :, np.newaxis]
        accumulator = (
            tall.take(columns[:, 0], axis=1) * weights[:, 0] + tall.take(columns[:, 1], axis=1) * weights[:, 1]
        )
        multiplier = average_multiplier(self.input_scale, self.output_scale, _WEIGHT_UNIT * _WEIGHT_UNIT)
        return (requantize(accumulator, multiplier, self.output_zero_point)[np.newaxis],)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """Step ``i`` writes line ``i`` and reads its source rows of non-zero weight."""
        lines = tuple(
            tuple(sorted({int(row) for row, weight in zip(rows, weights, strict=True) if weight}))
            for rows, weights in zip(constants["rows"], constants["row_weights"], strict=True)
        )
        return by_line([lines], outputs[0])

    @property
    def result_quantization(self) -> tuple[float, int]:
        """As its attributes say."""
        return self.output_scale, self.output_zero_point

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """The tables of rows are those of columns, and the other way round."""
        tables = {
            "rows": "columns",
            "row_weights": "column_weights",
            "columns": "rows",
            "column_weights": "row_weights",
        }
        return Exchanged(self, {name: constants[source] for name, source in tables.items()})
