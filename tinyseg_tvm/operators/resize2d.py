"""Resizing of maps by tables: nearest, linear, cubic, antialiased (ONNX Resize)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import by_line
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.base import Exchanged, LineAccess, Operator, Part, Slid
from tinyseg_tvm.operators.sliding import Sliding, of_table
from tinyseg_tvm.operators.tensor_type import TensorType, expect_map

METHODS = ("nearest", "linear")


@dataclass(frozen=True)
class Resize2d(Operator):
    """Separable resizing whose sources and weights were computed at compile time, for all modes alike.

    Constants: ``rows`` (OH, T) int32 source rows of each output row and ``row_weights`` (OH, T), ``columns``
    (OW, S) and ``column_weights``. Nearest: T = S = 1, weights 1 in int32, values of any type are copied: no
    arithmetic. Linear (in the sense of sums, also cubic and antialiased): any T and S, weights as the arithmetic
    needs them, added in the order of the arithmetic. A row of weight 0 is not read.
    """

    kind: ClassVar[str] = "resize2d"
    onnx: ClassVar[tuple[str, ...]] = ("Resize", "Upsample")
    own_constants: ClassVar[tuple[str, ...]] = ("rows", "row_weights", "columns", "column_weights")

    method: str  # of METHODS
    arithmetic: forms.Interpolation | None = None

    @property
    def keeps_quantization(self) -> bool:
        """Nearest does."""
        return self.arithmetic is None

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The extents of the tables."""
        channels = expect_map(inputs)[3]
        if self.method not in METHODS:
            raise ValueError(f"method {self.method!r} is none of {', '.join(METHODS)}")
        if (self.method == "linear") != (self.arithmetic is not None):
            raise ValueError("linear resizing needs an arithmetic, and nearest has none")
        if self.arithmetic is not None:
            self.arithmetic.expect_operands(inputs)
        weights = "int32" if self.arithmetic is None else self.arithmetic.weight_dtype
        for axis in ("row", "column"):
            for name, dtype in ((f"{axis}s", "int32"), (f"{axis}_weights", weights)):
                table = constants[name]
                taps = table.shape[1] if len(table.shape) == 2 else 0
                if table.dtype != dtype or taps < 1 or (self.arithmetic is None and taps != 1):
                    raise ValueError(f"{name} is {table.dtype} of shape {table.shape}; {dtype} (_, taps) is needed")
            if constants[f"{axis}s"].shape != constants[f"{axis}_weights"].shape:
                raise ValueError(f"{axis}s and {axis}_weights differ in shape")
        shape = (1, constants["rows"].shape[0], constants["columns"].shape[0], channels)
        return (TensorType(shape, inputs[0].dtype),)

    def check(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> None:
        """Sources lie inside the map; weights are as the arithmetic needs them."""
        for axis, extent in (("row", inputs[0].shape[1]), ("column", inputs[0].shape[2])):
            sources = constants[f"{axis}s"]
            if sources.min() < 0 or sources.max() >= extent:
                raise ValueError(f"{axis}s reach outside the {extent} {axis}s of the map")
            if self.arithmetic is None and (constants[f"{axis}_weights"] != 1).any():
                raise ValueError(f"{axis}_weights are not 1")
        if self.arithmetic is not None:
            self.arithmetic.check(constants["row_weights"], constants["column_weights"])

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Gathers for nearest; sums over sources, those of rows outside, for linear."""
        data = inputs[0][0]
        rows, columns = constants["rows"], constants["columns"]
        if self.arithmetic is None:
            return (data.take(rows[:, 0], axis=0).take(columns[:, 0], axis=1)[np.newaxis],)
        values = self.arithmetic.values(data)
        row_weights = constants["row_weights"][:, :, np.newaxis, np.newaxis]
        column_weights = constants["column_weights"][:, :, np.newaxis]
        sums = np.zeros((len(rows), len(columns), data.shape[2]), values.dtype)
        for t, s in self.arithmetic.order(rows.shape[1], columns.shape[1]):
            picked = values.take(rows[:, t], axis=0).take(columns[:, s], axis=1)
            sums = self.arithmetic.add(sums, picked, row_weights[:, t], column_weights[:, s])
        return (self.arithmetic.results(sums)[np.newaxis],)

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
        arithmetic = None if self.arithmetic is None else self.arithmetic.exchanged()
        operator = replace(self, arithmetic=arithmetic)
        return Exchanged(operator, {name: constants[source] for name, source in tables.items()})

    def sliding(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> Sliding:
        """As the table of rows repeats."""
        return of_table(constants["rows"], constants["row_weights"], inputs[0].lines)[0]

    def over(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray], part: Part) -> Slid:
        """With the table of the part's rows."""
        sliding, pattern = of_table(constants["rows"], constants["row_weights"], inputs[0].lines)
        rows = np.zeros((part.lines, constants["rows"].shape[1]), np.int32)
        weights = np.zeros(rows.shape, constants["row_weights"].dtype)
        for line in range(part.lines):
            block, rest = divmod(part.first + line, sliding.made)
            for tap, (source, weight) in enumerate(pattern[rest]):
                rows[line, tap] = int(source) + block * sliding.taken - part.first_read
                weights[line, tap] = weight
        return Slid(self, {**constants, "rows": rows, "row_weights": weights})
