"""The cell of an LSTM in integers by the rule ``tflite``: TensorFlow Lite for Microcontrollers' kernel.

A class of ``tflite.py``'s rule, which names it; docs/numeric-contract.md states the formulas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.arithmetic import accumulators, forms
from tinyseg_tvm.operators.arithmetic.tflite_functions import multiplied, multiplied_once, quantize_multiplier
from tinyseg_tvm.operators.arithmetic.tflite_limits import expect_multipliers, expect_wide_sums
from tinyseg_tvm.operators.arithmetic.tflite_unary import Squashing

RULE = "tflite"
GATES = 4
"""Rows of weights per unit, in ONNX's order: input, output, forget, cell."""
_INT16 = (-32768, 32767)
_EXPONENTS = (-20, 1)
"""Of the cells' scale, between which their hyperbolic tangent has a multiplier."""


@dataclass(frozen=True)
class Cell(forms.Arithmetic):
    """What a step makes of sums ``W x`` and ``R h`` of values free of their zero points, per unit, clamped to int16.

    * Gates are ``a = scaled(b + W x) + scaled(R h)`` in units of 2^-12, ``scaled`` by a multiplier of each gate's
      weights: ``multiplied``, of int16 values ``multiplied_once``;
    * ``i, o, f = logistic(a)`` and ``g = tanh(a)`` in units of 2^-15, of ``Squashing``;
    * ``c' = multiplied(f * c, 2^-15) + multiplied(i * g, 2^-30 / 2^cell_exponent)``, then to [-cell_clip, cell_clip]
      where that is not 0;
    * ``h' = clip(multiplied(o * tanh(c'), 2^-30 / hidden_scale) + hidden_zero_point)``.

    Constants: ``multiplier`` and ``shift`` (8,) int32, those of ``W`` by gate, then those of ``R``.

    Attributes:
        cell_exponent: cells are int16 in units of 2^cell_exponent.
    """

    rule: ClassVar[str] = RULE
    form: ClassVar[str] = "Cell"

    input_zero_point: int
    hidden_scale: float
    hidden_zero_point: int
    cell_exponent: int
    cell_clip: int
    dtype: str = field(default="int8", kw_only=True)

    @property
    def constant_names(self) -> tuple[str, ...]:
        """Multipliers, in two numbers."""
        return ("multiplier", "shift")

    @property
    def result_quantization(self) -> tuple[float, int]:
        """Of the units' states, which are the results over time."""
        return float(np.float32(self.hidden_scale)), self.hidden_zero_point

    def expect_numbers(self) -> None:
        """Raises ValueError where there is no such arithmetic."""
        if self.dtype not in ("int8", "int16"):
            raise ValueError(f"values are of int8 or int16, not of {self.dtype}")
        if self.dtype == "int16" and (self.input_zero_point or self.hidden_zero_point):
            raise ValueError("zero points of int16 are 0")
        if not _EXPONENTS[0] <= self.cell_exponent <= _EXPONENTS[1]:
            raise ValueError(f"the cells' scale is 2^{self.cell_exponent}; from 2^-20 to 2 is supported")
        if not 0 <= self.cell_clip <= _INT16[1]:
            raise ValueError(f"cells are limited to {self.cell_clip}, beyond int16")

    def check(self, constants: Mapping[str, np.ndarray]) -> None:
        """Raises ValueError where a sum, or what it is multiplied by, leaves the rule's integers."""
        none = np.zeros_like(constants["bias"])
        units = len(none) // GATES
        for k, (name, bias, zero_point) in enumerate(
            (("weight", constants["bias"], self.input_zero_point), ("recurrence", none, self.hidden_zero_point))
        ):
            multiplier, shift = (constants[each][GATES * k : GATES * (k + 1)] for each in self.constant_names)
            expect_multipliers(multiplier, shift)
            weight = constants[name]
            if self.dtype == "int8":
                accumulators.check_no_overflow(weight, bias, zero_point)
                continue
            accumulators.check_bias(bias)
            numbers = {"multiplier": np.repeat(multiplier, units), "shift": np.repeat(shift, units)}
            expect_wide_sums({"weight": weight, "bias": bias, **numbers}, zero_point)

    def step(
        self, line: np.ndarray, hidden: np.ndarray, cells: np.ndarray, constants: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The states (batch, units) after a line (batch, inputs), each of its type."""
        sums = (line.astype(np.int64) - self.input_zero_point) @ constants["weight"].astype(np.int64).T
        further = (hidden.astype(np.int64) - self.hidden_zero_point) @ constants["recurrence"].astype(np.int64).T
        units = hidden.shape[-1]
        gates = self._scaled(sums + constants["bias"], constants, 0, units)
        gates = _saturated(gates + self._scaled(further, constants, GATES, units)).astype(np.int16)
        enter, leave, forget = np.split(
            Squashing("logistic", 3, 0).results(gates[:, : 3 * units]).astype(np.int64), 3, 1
        )
        inner = Squashing("tanh", 3, 0).results(gates[:, 3 * units :]).astype(np.int64)
        kept, entered, left = self.multipliers
        made = _saturated(multiplied(forget * cells.astype(np.int64), *kept))
        made = _saturated(made + _saturated(multiplied(enter * inner, *entered)))
        made = np.clip(made, -self.cell_clip, self.cell_clip) if self.cell_clip else made
        after = made.astype(np.int16)
        limits = np.iinfo(self.dtype)
        shown = self.squashed_cells.results(after).astype(np.int64)
        states = np.clip(multiplied(leave * shown, *left) + self.hidden_zero_point, limits.min, limits.max)
        return states.astype(self.dtype), after

    @property
    def squashed_cells(self) -> Squashing:
        """The hyperbolic tangent of cells."""
        left = 12 + self.cell_exponent
        return Squashing("tanh", 3 << max(left, 0), max(-left, 0))

    @property
    def multipliers(self) -> tuple[tuple[int, int], ...]:
        """Multiplier and shift of what is kept of a cell, of what enters it, and of what leaves it."""
        share = 2.0**-15
        reals = (share, share * share / 2.0**self.cell_exponent, share * share / float(np.float32(self.hidden_scale)))
        multiplier, shift = quantize_multiplier(np.array(reals))
        return tuple((int(m), int(s)) for m, s in zip(multiplier, shift, strict=True))

    def _scaled(self, sums: np.ndarray, constants: Mapping[str, np.ndarray], first: int, units: int) -> np.ndarray:
        """Sums (batch, 4 * units), by the multipliers of gates from ``first`` on."""
        scaled = multiplied_once if self.dtype == "int16" else multiplied
        numbers = (np.repeat(constants[name][first : first + GATES], units) for name in self.constant_names)
        return _saturated(scaled(sums, *numbers))


def _saturated(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(values, *_INT16))
