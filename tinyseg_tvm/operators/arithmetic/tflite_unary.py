"""Functions of one value by the rule ``tflite`` where there is no table of all values: of int16, and of or to int32.

Classes of ``tflite.py``'s rule, which names them; docs/numeric-contract.md states the formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.arithmetic.tflite_functions import multiplied, sigmoid_table, wrapped
from tinyseg_tvm.operators.tensor_type import TensorType

RULE = "tflite"
TYPES = ("int8", "int16", "int32")
"""Of operands and results."""
IDENTITY = (1 << 30, 1)
"""Multiplier and shift by which every value stays what it is."""


@dataclass(frozen=True)
class Rescaling(forms.Unary):
    """``v = x - input_zero_point``; ``y = clip(multiplied(v, multiplier, shift) + output_zero_point)``, below zero by
    ``below_multiplier`` and ``below_shift``.

    With ``magnitude`` it is of ``abs(v)``. ``negated`` and ``below_negated``: the product's sign is turned. ``wraps``:
    results are not clamped, but the lower bits are kept.
    """

    rule: ClassVar[str] = RULE
    form: ClassVar[str] = "Rescaling"

    input_zero_point: int
    multiplier: int
    shift: int
    below_multiplier: int
    below_shift: int
    output_scale: float
    output_zero_point: int
    output_min: int
    output_max: int
    output_dtype: str
    magnitude: bool = False
    negated: bool = False
    below_negated: bool = False
    wraps: bool = False
    dtype: str = field(default="int16", kw_only=True)

    @property
    def result_dtype(self) -> str:
        """As stated."""
        return self.output_dtype

    @property
    def result_quantization(self) -> tuple[float, int] | None:
        """As its fields say; none where results wrap."""
        return None if self.wraps else (float(np.float32(self.output_scale)), self.output_zero_point)

    @property
    def cuts_at_zero(self) -> bool:
        """Where the clamp begins at the zero point."""
        return self.output_min == self.output_zero_point and not self.wraps

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Also the types are possible, the clamp is an interval of the result's, and multipliers are fixed-point."""
        if self.dtype not in TYPES or self.output_dtype not in TYPES:
            raise ValueError(f"{self.dtype} to {self.output_dtype} is not possible; {', '.join(TYPES)} are")
        forms.expect_type(inputs, self.dtype)
        limits = np.iinfo(self.output_dtype)
        if not limits.min <= self.output_min <= self.output_max <= limits.max:
            raise ValueError(f"the clamp [{self.output_min}, {self.output_max}] is no interval of {self.output_dtype}")
        for multiplier, shift in ((self.multiplier, self.shift), (self.below_multiplier, self.below_shift)):
            none = multiplier == 0 and shift == 0 and self.dtype != "int32"
            if not (none or (1 << 30 <= multiplier < 1 << 31 and -31 <= shift <= 30)):
                raise ValueError(f"{multiplier} * 2^({shift} - 31) is beyond fixed point (check the scales)")

    def results(self, data: np.ndarray) -> np.ndarray:
        """The formula above."""
        values = wrapped(data.astype(np.int64) - self.input_zero_point)
        values = np.abs(values) if self.magnitude else values
        above = multiplied(values, self.multiplier, self.shift) * (-1 if self.negated else 1)
        below = multiplied(values, self.below_multiplier, self.below_shift) * (-1 if self.below_negated else 1)
        made = np.where(values >= 0, above, below) + self.output_zero_point
        made = made if self.wraps else np.clip(made, self.output_min, self.output_max)
        return np.asarray(made.astype(self.output_dtype))


@dataclass(frozen=True)
class Squashing(forms.Unary):
    """The logistic function or tanh of int16, in units of 2^-15: between entries of one table (``sigmoid_table``).

    ``d = x * multiplier / 2^right``, ties up, is the operand in units of 2^-12 / 3.
    """

    rule: ClassVar[str] = RULE
    form: ClassVar[str] = "Squashing"
    functions: ClassVar[tuple[str, ...]] = ("logistic", "tanh")

    function: str
    multiplier: int
    right: int
    dtype: str = field(default="int16", kw_only=True)

    @property
    def result_quantization(self) -> tuple[float, int]:
        """What every result has."""
        return 2.0**-15, 0

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Also the function is one, and the multiplier is of 15 bits."""
        if self.dtype != "int16" or self.function not in self.functions:
            raise ValueError(
                f"{self.function} of {self.dtype} is not possible; {', '.join(self.functions)} of int16 are"
            )
        forms.expect_type(inputs, self.dtype)
        if not (0 < self.multiplier < 1 << 15 and 0 <= self.right <= 30):
            raise ValueError(f"{self.multiplier} / 2^{self.right} is beyond fixed point (check the scale)")

    def results(self, data: np.ndarray) -> np.ndarray:
        """The formulas of docs/numeric-contract.md."""
        d = (data.astype(np.int64) * self.multiplier + (1 << self.right >> 1)) >> self.right
        bits = 9 if self.function == "logistic" else 8
        entry, rest = np.abs(d) >> bits, np.abs(d) & ((1 << bits) - 1)
        table, inside = sigmoid_table().astype(np.int64), np.minimum(entry, 254)
        between = (table[inside] << bits) + rest * (table[inside + 1] - table[inside])
        if self.function == "logistic":
            result = np.where(entry >= 255, 0x7FFF << 10, between)
            result = np.where(d >= 0, result + (1 << 9), (1 << 25) - result + (1 << 9) - 1) >> 10
        else:
            result = np.where(entry >= 255, 0xFFFF << 8, between) - (1 << 23)
            result = np.where(d >= 0, result + (1 << 7), -result + (1 << 7) - 1) >> 8
        return np.asarray(result.astype(np.int16))
