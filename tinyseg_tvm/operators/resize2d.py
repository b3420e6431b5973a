"""Nearest and bilinear resizing of maps (ONNX Resize)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator
from tinyseg_tvm.operators.tensor_type import TensorType, expect_map

_TAPS = {"nearest": 1, "linear": 2}
_WEIGHT_UNIT = 2048  # a pair of linear weights sums to this


@dataclass(frozen=True)
class Resize2d(Operator):
    """Separable resizing whose coordinates were computed at compile time, for all coordinate modes alike.

    Constants: ``rows`` (OH, T) int32 source rows of each output row and ``row_weights`` (OH, T) int32, ``columns``
    (OW, T) and ``column_weights``. Nearest: T = 1, weights 1, values of any type are copied: no arithmetic. Bilinear:
    T = 2, weights are round_half_even(2048 * weight), a pair sums to 2048, so that the weights ``row_weight *
    column_weight`` of a result sum to 2^22. A row of weight 0 is not read.
    """

    kind: ClassVar[str] = "resize2d"
    onnx: ClassVar[tuple[str, ...]] = ("Resize", "Upsample")
    own_constants: ClassVar[tuple[str, ...]] = ("rows", "row_weights", "columns", "column_weights")

    method: str  # "nearest" or "linear"
    arithmetic: forms.Interpolation | None = None

    @property
    def keeps_quantization(self) -> bool:
        """Nearest does."""
        return self.arithmetic is None

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The extents of the tables."""
        channels = expect_map(inputs)[3]
        if self.method not in _TAPS:
            raise ValueError(f"method {self.method!r} is neither 'nearest' nor 'linear'")
        if (self.method == "linear") != (self.arithmetic is not None):
            raise ValueError("bilinear resizing needs an arithmetic, and nearest has none")
        if self.arithmetic is not None:
            self.arithmetic.expect_operands(inputs)
        taps = _TAPS[self.method]
        for name in self.constant_names:
            table = constants[name]
            if table.dtype != "int32" or len(table.shape) != 2 or table.shape[1] != taps:
                raise ValueError(f"{name} is {table.dtype} of shape {table.shape}; int32 (_, {taps}) is needed")
        for axis in ("row", "column"):
            if constants[f"{axis}s"].shape != constants[f"{axis}_weights"].shape:
                raise ValueError(f"{axis}s and {axis}_weights differ in shape")
        shape = (1, constants["rows"].shape[0], constants["columns"].shape[0], channels)
        return (TensorType(shape, inputs[0].dtype),)

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
        """Gathers for nearest; weighted sums of rows, then of columns, for linear."""
        data = inputs[0][0]
        rows, columns = constants["rows"], constants["columns"]
        if self.arithmetic is None:
            return (data.take(rows[:, 0], axis=0).take(columns[:, 0], axis=1)[np.newaxis],)
        values = self.arithmetic.values(data)
        weights = constants["row_weights"][:, :, np.newaxis, np.newaxis]
        tall = values.take(rows[:, 0], axis=0) * weights[:, 0] + values.take(rows[:, 1], axis=0) * weights[:, 1]
        weights = constants["column_weights"][:, :, np.newaxis]
        sums = tall.take(columns[:, 0], axis=1) * weights[:, 0] + tall.take(columns[:, 1], axis=1) * weights[:, 1]
        return (self.arithmetic.results(sums, _WEIGHT_UNIT * _WEIGHT_UNIT)[np.newaxis],)

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

    def exchanged(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Exchanged:
        """The tables of rows are those of columns, and the other way round."""
        tables = {
            "rows": "columns",
            "row_weights": "column_weights",
            "columns": "rows",
            "column_weights": "row_weights",
        }
        return Exchanged(self, {name: constants[source] for name, source in tables.items()})
