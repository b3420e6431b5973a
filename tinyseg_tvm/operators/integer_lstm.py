"""An LSTM over time in integers (TensorFlow Lite's UNIDIRECTIONAL_SEQUENCE_LSTM)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.access_patterns import each_line
from tinyseg_tvm.operators.arithmetic.tflite_lstm import GATES, Cell
from tinyseg_tvm.operators.base import LineAccess, Lines, Operator
from tinyseg_tvm.operators.tensor_type import TensorType


@dataclass(frozen=True)
class IntegerLstm(Operator):
    """A line is a time step: of the operand (T, batch * inputs), of the first result (T, batch * units).

    Further operands are the states before the first step, further results those after the last, both (1, batch *
    units): of the units in the values' type, and of the cells in int16. What a step computes is the arithmetic's.

    Constants: ``weight`` (4 * units, inputs) and ``recurrence`` (4 * units, units) of int8, ``bias`` (4 * units,), of
    int32 or, for values of int16, int64; rows are gates in the order input, output, forget, cell, units in each.

    Attributes:
        units, batch: how many.
    """

    kind: ClassVar[str] = "integer_lstm"
    own_constants: ClassVar[tuple[str, ...]] = ("weight", "recurrence", "bias")

    units: int
    batch: int
    arithmetic: Cell

    def infer(self, inputs: Sequence[TensorType], constants: Mapping[str, TensorType]) -> tuple[TensorType, ...]:
        """The units' states over time, and both states behind the last step."""
        self.arithmetic.expect_numbers()
        dtype, rows = self.arithmetic.dtype, GATES * self.units
        state = (1, self.batch * self.units)
        width = constants["weight"].shape[-1]
        if len(inputs) != 3 or inputs[0] != TensorType((*inputs[0].shape[:1], self.batch * width), dtype):
            raise ValueError(f"the weight {constants['weight'].shape} does not fit operands {inputs}")
        if list(inputs[1:]) != [TensorType(state, dtype), TensorType(state, "int16")]:
            raise ValueError(f"states are {state} of {dtype} and int16, not {inputs[1:]}")
        expected = {
            "weight": TensorType((rows, width), "int8"),
            "recurrence": TensorType((rows, self.units), "int8"),
            "bias": TensorType((rows,), "int64" if dtype == "int16" else "int32"),
            **dict.fromkeys(self.arithmetic.constant_names, TensorType((2 * GATES,), "int32")),
        }
        for name, wanted in expected.items():
            if constants[name] != wanted:
                raise ValueError(f"{name} is {constants[name]}; {wanted} is needed")
        return (
            TensorType((inputs[0].shape[0], state[1]), dtype),
            TensorType(state, dtype),
            TensorType(state, "int16"),
        )

    def check(self, inputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]) -> None:
        """Sums and multipliers stay within their integers."""
        self.arithmetic.check(constants)

    def reference(self, inputs: Sequence[np.ndarray], constants: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Step by step, all units at once."""
        hidden, cells = (array.reshape(self.batch, self.units) for array in inputs[1:])
        made = []
        for line in inputs[0].reshape(len(inputs[0]), self.batch, -1):
            hidden, cells = self.arithmetic.step(line, hidden, cells, constants)
            made.append(hidden.reshape(-1))
        return np.stack(made), hidden.reshape(1, -1), cells.reshape(1, -1)

    def line_access(
        self,
        inputs: Sequence[TensorType],
        outputs: Sequence[TensorType],
        constants: Mapping[str, np.ndarray],
    ) -> LineAccess:
        """A line per step; states are read in the first, and written in the last. A single step needs no memory."""
        steps = inputs[0].lines
        lines = each_line(steps)
        none: tuple[Lines, ...] = ((),) * (steps - 1)
        first, last = ((0,), *none), (*none, (0,))
        count = self.batch * self.units
        return LineAccess(
            steps,
            (lines, first, first),
            (lines, last, last),
            (False,) * 3,
            (False,) * 3,
            count * (2 + np.dtype(self.arithmetic.dtype).itemsize) if steps > 1 else 0,
        )

    def macs(
        self, inputs: Sequence[TensorType], outputs: Sequence[TensorType], constants: Mapping[str, np.ndarray]
    ) -> int:
        """One per weight, step and batch."""
        weights = constants["weight"].size + constants["recurrence"].size
        return int(weights) * inputs[0].lines * self.batch
