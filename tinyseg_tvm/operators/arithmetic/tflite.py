"""The rule ``tflite``: integers in, integer sums, fixed-point multipliers rounded twice, integers out.

What TensorFlow Lite's reference kernels and TensorFlow Lite for Microcontrollers compute; docs/numeric-contract.md
states the formulas. Forms are those of ``onnx`` with other results where zero points and clamps are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from tinyseg_tvm.operators.arithmetic import accumulators as sums
from tinyseg_tvm.operators.arithmetic import forms, onnx
from tinyseg_tvm.operators.arithmetic.tflite_functions import (
    MOST_WIDE_SHIFT,
    WIDE_SUM,
    divided_by_power,
    exponential,
    high_product,
    interpolated,
    interpolation_table,
    inverse_square_root,
    logarithm,
    multiplied,
    multiplied_once,
    quantize_multiplier,
    reciprocal,
    requantize,
    rounded_quotient,
)
from tinyseg_tvm.operators.arithmetic.tflite_limits import expect_multipliers, expect_wide_sums
from tinyseg_tvm.operators.arithmetic.tflite_lstm import Cell
from tinyseg_tvm.operators.arithmetic.tflite_unary import Rescaling, Squashing
from tinyseg_tvm.operators.tensor_type import TensorType

RULE = "tflite"

__all__ = [
    "BINARY_SHIFT",
    "DIFFERENCE_SHIFT",
    "RESIZE_UNIT",
    "RULE",
    "Average",
    "Binary",
    "BinaryMultipliers",
    "Cell",
    "Interpolation",
    "ProductSum",
    "RealInterpolation",
    "Rescaling",
    "Softmax",
    "Squashing",
    "WeightedSum",
    "softmax_table",
    "softmax_tables",
]

BINARY_SHIFT = {"int8": 20, "int16": 15}
"""Bits by which ``add`` and ``sub`` shift their operands first (``left_shift`` in the reference kernels), by type."""
DIFFERENCE_SHIFT = 7
"""The same of ``squared_difference``."""


@dataclass(frozen=True)
class WeightedSum(onnx.WeightedSum):
    """``acc`` as by ``onnx``; ``y = clip(multiplied(acc, multiplier[o], shift[o]) + output_zero_point)``.

    Of int16 values that takes the lower 32 bits of the sum; or, where ``rounds_once``, results are
    ``clip(multiplied_once(acc, ...) + output_zero_point)`` of sums of 64 bits.

    Constants: as of ``onnx``, but ``multiplier`` (O,) int32 from 2^30 on, or 0, and ``shift`` (O,) int32:
    ``multiplier * 2^(shift - 31)``.
    """

    rule: ClassVar[str] = RULE

    rounds_once: bool = field(default=False, kw_only=True)

    @property
    def constant_names(self) -> tuple[str, ...]:
        """The multiplier, in two numbers."""
        return ("multiplier", "shift")

    def expect_constants(self, constants: Mapping[str, TensorType], rank: int) -> int:
        """Integers, and a multiplier of two numbers per channel."""
        if self.rounds_once and self.dtype != "int16":
            raise ValueError(f"sums of {self.dtype} values are rounded twice")
        channels = sums.expect_integer_weights(constants, rank, self.dtype)
        for name in self.constant_names:
            given = constants[name]
            if given.dtype != "int32" or given.shape != (channels,):
                raise ValueError(f"the {name} is {given.dtype} {given.shape}; int32 ({channels},) is needed")
        return channels

    def check(self, constants: Mapping[str, np.ndarray]) -> None:
        """No accumulator may overflow, and multipliers are as ``quantize_multiplier`` makes them."""
        expect_multipliers(constants["multiplier"], constants["shift"])
        if self.dtype == "int8":
            sums.check_no_overflow(constants["weight"], constants["bias"], self.input_zero_point)
            return
        sums.check_bias(constants["bias"])
        if self.rounds_once:
            expect_wide_sums(constants, self.input_zero_point)

    def grows(self, constants: Mapping[str, np.ndarray]) -> bool:
        """Where no sum leaves 32 bits before it is rounded."""
        return self.dtype == "int8" and int(constants["shift"].max()) <= 0

    def results(self, accumulators: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """The requantised sums."""
        exact = accumulators.astype(np.int64)
        multiplier, shift = constants["multiplier"], constants["shift"]
        if self.rounds_once:
            made = multiplied_once(exact, multiplier, shift) + self.output_zero_point
            return np.clip(made, self.output_min, self.output_max).astype(self.dtype)
        clamp = (self.output_min, self.output_max)
        return requantize(exact, multiplier, shift, self.output_zero_point, *clamp, self.dtype)


@dataclass(frozen=True)
class ProductSum(onnx.ProductSum):
    """``acc`` as by ``onnx``; ``y = clip(multiplied(acc, quantize_multiplier(multiplier)) + output_zero_point)`` with
    ``multiplier = s_a * s_b / s_y`` in float64. Of int16 by ``multiplied_once``.
    """

    rule: ClassVar[str] = RULE

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Also the multiplier can be written in fixed point."""
        super().expect_operands(inputs)
        expect_multipliers(*(np.array([number]) for number in self.fixed_point))
        if self.dtype == "int16" and self.fixed_point[1] >= MOST_WIDE_SHIFT:
            raise ValueError(f"the multiplier {self.multiplier} is too large for fixed point (check the scales)")

    def expect_products(self, count: int) -> None:
        """Of int16 as many as stay within 48 bits."""
        super().expect_products(count)
        if self.dtype == "int16" and count > (most := WIDE_SUM >> 32):
            raise ValueError(f"sums of {count} products can leave 48 bits; {most} cannot")

    @property
    def fixed_point(self) -> tuple[int, int]:
        """Multiplier and shift."""
        return _pair(self.multiplier)

    def results(self, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """By products that are exact in float64."""
        a = lhs.astype(np.float64) - self.lhs_zero_point
        b = rhs.astype(np.float64) - self.rhs_zero_point
        products = np.matmul(a, b.swapaxes(-1, -2)).astype(np.int64)
        made = (multiplied_once if self.dtype == "int16" else multiplied)(products, *self.fixed_point)
        return np.clip(made + self.output_zero_point, self.output_min, self.output_max).astype(self.dtype)


@dataclass(frozen=True)
class Average(onnx.Average):
    """``y = clip(round(sum(x) / count))`` of the codes, ties away from zero (``ties_up``: up), operand and result being
    quantised alike; or, ``rescaled``, ``y = clip(multiplied(sum(x - input_zero_point)) + output_zero_point)`` by a
    multiplier that divides by the count ("mean") or does not ("sum").
    """

    rule: ClassVar[str] = RULE

    output_min: int = -128
    output_max: int = 127
    rescaled: str = ""
    ties_up: bool = False

    def values(self, data: np.ndarray) -> np.ndarray:
        """In int32: codes, or free of their zero point where they are rescaled."""
        return data.astype(np.int32) - self.operand_zero

    def most_values(self) -> int:
        """As many as an int32 can sum."""
        return super().most_values() if self.dtype == "int8" else 0xFFFF

    @property
    def operand_zero(self) -> int:
        """What is taken from operands."""
        return self.input_zero_point if self.rescaled else 0

    def results(self, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """The averages; 0 where nothing is summed."""
        if self.rescaled:
            multiplier, shift = self.fixed_point(counts)
            clamp = (self.output_min, self.output_max)
            return requantize(sums, multiplier, shift, self.output_zero_point, *clamp, self.dtype)
        divisors = np.maximum(counts, 1)
        found = (sums + divisors // 2) // divisors if self.ties_up else rounded_quotient(sums, divisors)
        return np.clip(found, self.output_min, self.output_max).astype(self.dtype)

    def fixed_point(self, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Multiplier and shift of the sum of so many values."""
        multiplier, shift = quantize_multiplier(
            np.float64(np.float32(self.input_scale)) / np.float32(self.output_scale)
        )
        count = np.asarray(count if self.rescaled == "mean" else np.ones_like(count), np.int64)
        lift = np.minimum(np.minimum(np.frexp(count.astype(np.float64))[1] - 1, 32), 31 + int(shift))
        return (
            ((np.int64(multiplier) << lift) // count).astype(np.int32),
            (int(shift) - lift).astype(np.int32),
        )


@dataclass(frozen=True)
class Binary(onnx.Binary):
    """``add`` and ``sub``: operands are shifted left by 20 bits (int16: 15), brought to twice the larger scale and
    added; ``mul``: the product of operands free of their zero points; ``squared_difference``: the square of a
    difference that is made as ``sub``'s, with 7 bits. The result of each is multiplied, and clamped beside the zero
    point. ``max`` and ``min`` choose a code, which is clamped. ``prelu``: the left operand rescaled where it is not
    below its zero point, else the product.

    With ``powers_of_two``, of int16, sums and differences are of ``divided_by_power(a, log2(s_y / s_a))`` and the same
    of b, one of which is not divided, and are saturated before the clamp.

    With ``exact_scales``, multipliers of ``mul`` and ``prelu`` are of scales in float64, else in float32.
    """

    rule: ClassVar[str] = RULE
    functions: ClassVar[tuple[str, ...]] = ("add", "sub", "mul", "squared_difference", "max", "min", "prelu")

    powers_of_two: bool = field(default=False, kw_only=True)
    exact_scales: bool = field(default=False, kw_only=True)

    def expect_function(self, function: str) -> None:
        """Also of its type, and of its scales where these are powers of two."""
        super().expect_function(function)
        if self.dtype != "int8" and function in ("squared_difference", "prelu"):
            raise ValueError(f"{function} is of int8, not of {self.dtype}")
        if self.dtype != "int8" and (self.lhs_zero_point or self.rhs_zero_point or self.output_zero_point):
            raise ValueError(f"zero points of {self.dtype} are 0")
        if self.powers_of_two and (
            self.dtype != "int16"
            or function not in ("add", "sub")
            or min(self.divisions) < 0
            or max(self.divisions) > 15
            or 0 not in self.divisions
        ):
            raise ValueError(f"scales of {self.divisions} powers of two below the result's do not fit {function}")

    @property
    def divisions(self) -> tuple[int, int]:
        """Bits by which operands are shifted to the right where scales are powers of two."""
        y, a, b = (round(float(np.log2(np.float32(x)))) for x in (self.output_scale, self.lhs_scale, self.rhs_scale))
        return y - a, y - b

    def results(self, function: str, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """The formulas above, vectorised."""
        if function in ("max", "min"):
            chosen = (np.maximum if function == "max" else np.minimum)(lhs, rhs)
            return np.asarray(np.clip(chosen, self.output_min, self.output_max), self.dtype)
        a = lhs.astype(np.int64) - self.lhs_zero_point
        b = rhs.astype(np.int64) - self.rhs_zero_point
        if self.powers_of_two:
            a, b = (divided_by_power(each, bits) for each, bits in zip((a, b), self.divisions, strict=True))
            return self._clamped(np.clip(a + b if function == "add" else a - b, *self.limits))
        made = self.fixed_point(function)
        if function == "prelu":
            result = np.where(a >= 0, multiplied(a, *made.lhs), multiplied(a * b, *made.output))
            return self._clamped(result)
        if function == "mul":
            total = a * b
        else:
            left, right = (multiplied(each << made.left_shift, *pair) for each, pair in ((a, made.lhs), (b, made.rhs)))
            total = left + right if function == "add" else left - right
            total = total * total if function == "squared_difference" else total
        return self._clamped(multiplied(total, *made.output))

    def _clamped(self, values: np.ndarray) -> np.ndarray:
        """Beside the zero point."""
        return np.asarray(np.clip(values + self.output_zero_point, self.output_min, self.output_max), self.dtype)

    def fixed_point(self, function: str) -> BinaryMultipliers:
        """The multipliers of a function."""
        a, b, y = (np.float32(scale) for scale in (self.lhs_scale, self.rhs_scale, self.output_scale))
        if function in ("max", "min"):
            return BinaryMultipliers(0, (0, 0), (0, 0), (0, 0))
        if function in ("mul", "prelu"):
            real = np.float64 if self.exact_scales else np.float32
            above = _pair(float(real(a) / real(y))) if function == "prelu" else (0, 0)
            return BinaryMultipliers(0, above, (0, 0), _pair(float(real(a) * real(b) / real(y))))
        bits = DIFFERENCE_SHIFT if function == "squared_difference" else BINARY_SHIFT[self.dtype]
        twice = 2.0 * float(max(a, b))
        if function == "squared_difference":
            output = _pair(twice * twice / float(np.float32(np.float32(1 << 2 * bits) * y)))
        else:
            output = _pair(twice / float(np.float32(np.float32(1 << bits) * y)))
        return BinaryMultipliers(bits, _pair(float(a) / twice), _pair(float(b) / twice), output)


@dataclass(frozen=True)
class Interpolation(onnx.Interpolation):
    """``y = round(sum(row_weight * column_weight * x) / 2^20)`` of the codes, ties away from zero; operand and result
    are quantised alike. The weights of a row or column, which may be negative, sum to 1024.
    """

    rule: ClassVar[str] = RULE

    def check(self, row_weights: np.ndarray, column_weights: np.ndarray) -> None:
        """Of the unit's sum; of int8 within int32, of int16 pairs whose sums along an axis lie within it."""
        largest = -self.limits[0]
        for weights in (row_weights, column_weights):
            if (weights.sum(axis=1) != RESIZE_UNIT).any():
                raise ValueError(f"weights do not sum to {RESIZE_UNIT}")
            largest *= int(np.abs(weights.astype(np.int64)).sum(axis=1).max(initial=0))
        if self.dtype != "int8":
            if {row_weights.shape[1], column_weights.shape[1]} != {2}:
                raise ValueError(f"{self.dtype} is resized by two rows and columns alone")
            largest //= RESIZE_UNIT
        if largest > np.iinfo(np.int32).max:
            raise ValueError(f"sums of its weights can reach {largest}, beyond int32")

    def values(self, data: np.ndarray) -> np.ndarray:
        """Codes."""
        return data.astype(np.int32 if self.dtype == "int8" else np.int64)

    def results(self, sums: np.ndarray) -> np.ndarray:
        """The quotients; they lie among the codes unless weights are negative."""
        return np.clip(rounded_quotient(sums, RESIZE_UNIT * RESIZE_UNIT), *self.limits).astype(self.dtype)


RESIZE_UNIT = 1024
"""What the weights of a row or column sum to."""


@dataclass(frozen=True)
class RealInterpolation(Interpolation):
    """``y = trunc(0.5 + sum of (x * row_weight) * column_weight)`` of codes of uint8, each operation in float32: the
    first column of both rows, then the second. Values are shifted by ``UINT8_SHIFT``; weights are two of each axis.

    Attributes:
        lines_are_columns: rows and columns are exchanged: the first column is that of the first line.
    """

    form = "RealInterpolation"
    weight_dtype: ClassVar[str] = "float32"

    lines_are_columns: bool = False

    def check(self, row_weights: np.ndarray, column_weights: np.ndarray) -> None:
        """Pairs, of the sum 1."""
        for weights in (row_weights, column_weights):
            if weights.shape[1] != 2:
                raise ValueError("codes of uint8 are resized by two rows and columns alone")
            if not (np.abs(weights) <= 2).all() or (np.abs(weights.sum(axis=1) - 1) > 1e-4).any():
                raise ValueError("weights do not sum to 1")

    def order(self, rows: int, columns: int) -> list[tuple[int, int]]:
        """By columns of the file's map."""
        pairs = [(row, column) for column in range(columns) for row in range(rows)]
        return sorted(pairs) if self.lines_are_columns else pairs

    def exchanged(self) -> RealInterpolation:
        """The file's columns stay what they are."""
        return replace(self, lines_are_columns=not self.lines_are_columns)

    def values(self, data: np.ndarray) -> np.ndarray:
        """The file's codes."""
        return np.asarray(data.astype(np.float32) + np.float32(UINT8_SHIFT))

    def add(self, sums: np.ndarray, values: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Rounded after each operation."""
        first, second = (column, row) if self.lines_are_columns else (row, column)
        return np.asarray(sums + values * first * second, np.float32)

    def results(self, sums: np.ndarray) -> np.ndarray:
        """Rounded half up."""
        codes = np.trunc(sums + np.float32(0.5)).astype(np.int32) - UINT8_SHIFT
        return np.asarray(np.clip(codes, -128, 127), np.int8)


UINT8_SHIFT = 128
"""By which codes of uint8 are shifted to int8."""


@dataclass(frozen=True)
class BinaryMultipliers:
    """What ``Binary`` multiplies by: pairs of multiplier and shift."""

    left_shift: int
    lhs: tuple[int, int]
    rhs: tuple[int, int]
    output: tuple[int, int]


@dataclass(frozen=True)
class Softmax(onnx.Softmax):
    """``e[i] = table[max(x) - x[i]]`` in Q0.31; their sum in Q12.19; shares by its reciprocal, in steps of 1/256, or of
    1/65536 where ``wide_result``: results of int16.

    Of int16: ``d = multiplied(x[i] - max(x), multiplier, shift)`` in units of 10 / 65535, ``e[i]`` in Q0.15 between
    entries of a table, and so is the sum's reciprocal; shares are in steps of 1/32768.

    Constants: ``table`` (256,) int32, as ``softmax_table`` makes it; of int16 none.
    """

    rule: ClassVar[str] = RULE

    multiplier: int = field(default=0, kw_only=True)  # of int16 values
    shift: int = field(default=0, kw_only=True)
    wide_result: bool = field(default=False, kw_only=True)  # of int8 values

    @property
    def result_dtype(self) -> str:
        """The operand's, or int16."""
        return "int16" if self.wide_result else self.dtype

    def expect_constants(self, constants: Mapping[str, TensorType]) -> None:
        """A table of exponentials, or numbers in its place."""
        if self.dtype == "int16":
            if self.wide_result or not (1 << 30 <= self.multiplier < 1 << 31 and -31 <= self.shift <= 30):
                raise ValueError(f"{self.multiplier} * 2^({self.shift} - 31) is beyond fixed point (check the scale)")
            return
        table = constants["table"]
        if table.dtype != "int32" or table.shape != (256,):
            raise ValueError(f"the table is {table.dtype} of shape {table.shape}; int32 (256,) is needed")

    def results(self, data: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """The shares, saturated."""
        wide = data.astype(np.int64)
        below = wide - wide.max(axis=-1, keepdims=True)
        if self.dtype == "int16":
            return self._interpolated_shares(below)
        exponentials = constants["table"].astype(np.int64)[-below]
        total = divided_by_power(exponentials, SUM_BITS).sum(axis=-1, keepdims=True)
        headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
        inverse = reciprocal((total << headroom) - (1 << 31))
        limits = np.iinfo(self.result_dtype)
        share = divided_by_power(high_product(inverse, exponentials), SUM_BITS - headroom + 31 - limits.bits)
        return np.clip(share + limits.min, limits.min, limits.max).astype(self.result_dtype)

    def _interpolated_shares(self, below: np.ndarray) -> np.ndarray:
        exponentials, reciprocals = softmax_tables()
        places = multiplied(below, self.multiplier, self.shift) + 32767
        exact = interpolated(np.clip(places, -32768, 32767), exponentials)
        total = exact.sum(axis=-1, keepdims=True)
        bits = np.frexp(total.astype(np.float64))[1].astype(np.int64)
        normal = ((total << (31 - bits)) + (1 << 13)) >> 14
        inverse = interpolated(np.clip(normal - (1 << 15) - (1 << 16), -32768, 32767), reciprocals)
        right = bits - 1
        shares = (exact * inverse + (np.int64(1) << (right - 1))) >> right
        return np.asarray(np.clip(shares, 0, 32767).astype(np.int16))


def softmax_tables() -> tuple[np.ndarray, np.ndarray]:
    """What a softmax of int16 interpolates: exp on [-10, 0] and 1 / (1 + x) on [0, 1]."""
    return interpolation_table(np.exp, -10.0, 0.0), interpolation_table(lambda x: 1.0 / (1.0 + x), 0.0, 1.0)


SUM_BITS = 12
"""Integer bits of a softmax' sum of exponentials."""


@dataclass(frozen=True)
class LogSoftmax(Softmax):
    """``y = clip((differences[d] - ln(sum of e[i])) / 2^22 + 127)``, ``d = max(x) - x[i]``, ties away from zero; -128
    where -d is not above ``least``, nor what the logarithm leaves room for. Results are in steps of 1/16 from -16 on.

    Constants: ``table`` (2, 256) int32, as ``log_softmax`` makes it.

    Attributes:
        least: the least difference that counts.
        multiplier: with ``shift``, which is not positive, from logarithms in Q5.26 to differences.
    """

    form = "LogSoftmax"

    least: int = field(default=-255, kw_only=True)

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Also no sum of exponentials can leave Q12.19."""
        super().expect_operands(inputs)
        forms.expect_type(inputs, "int8")
        if self.wide_result:
            raise ValueError("results are of int8")
        if inputs and inputs[0].shape and inputs[0].shape[-1] >= 1 << SUM_BITS:
            raise ValueError(f"the logarithm of sums of {inputs[0].shape[-1]} exponentials leaves fixed point")
        expect_multipliers(np.array([self.multiplier]), np.array([self.shift]))
        if self.shift > 0:
            raise ValueError(f"the shift {self.shift} is positive")

    def expect_constants(self, constants: Mapping[str, TensorType]) -> None:
        """Two tables."""
        table = constants["table"]
        if table.dtype != "int32" or table.shape != (2, 256):
            raise ValueError(f"the table is {table.dtype} of shape {table.shape}; int32 (2, 256) is needed")

    def results(self, data: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """The logarithms, saturated."""
        wide = data.astype(np.int64)
        below = wide.max(axis=-1, keepdims=True) - wide
        exponentials, differences = (table[below] for table in constants["table"].astype(np.int64))
        log = logarithm(divided_by_power(exponentials, SUM_BITS).sum(axis=-1, keepdims=True))
        least = np.maximum(multiplied(log - (1 << 31), self.multiplier, self.shift), self.least - 1)
        made = divided_by_power(differences - log, 31 - 5 - 4) + 127
        return np.asarray(np.where(-below > least, np.clip(made, -128, 127), -128), np.int8)


def log_softmax(input_scale: float) -> tuple[LogSoftmax, np.ndarray]:
    """The arithmetic for operands of a scale, and its table: ``softmax_table``, and differences in Q5.26."""
    multiplier, shift, least = _softmax_scaling(input_scale, 1.0)
    reverse, reverse_shift = _pair(2.0 ** (31 - shift) / multiplier)
    differences = multiplied(np.maximum(-np.arange(256), least), multiplier, shift)
    table = np.stack([softmax_table(input_scale, 1.0), differences]).astype(np.int32)
    return LogSoftmax(1 / 16, 127, least=least, multiplier=reverse, shift=reverse_shift), table


@dataclass(frozen=True)
class Normalization(forms.Normalization):
    """``y = clip(x * 128 / sqrt(sum(x^2)))`` of ``x`` free of the zero point, by a multiplier that is the inverse root
    (``inverse_square_root``) and two roundings; ``of_uint8`` multiplies by 128 before them.
    """

    rule: ClassVar[str] = RULE

    input_zero_point: int
    of_uint8: bool = False

    @property
    def dtype(self) -> str:
        """Of operands and results."""
        return "int8"

    @property
    def result_quantization(self) -> tuple[float, int]:
        """Steps of 1/128."""
        return 1 / 128, 0

    def most_values(self) -> int:
        """Squares of 255 that an int32 can sum."""
        return (2**31 - 1) // 255**2

    def results(self, data: np.ndarray) -> np.ndarray:
        """Saturated."""
        values = data.astype(np.int64) - self.input_zero_point
        multiplier, right = inverse_square_root((values * values).sum(axis=-1, keepdims=True))
        if self.of_uint8:
            made = divided_by_power(high_product(values * 128, multiplier), right)
        else:
            made = multiplied(values, multiplier, 7 - right)
        return np.asarray(np.clip(made, -128, 127), np.int8)


def softmax_table(input_scale: float, beta: float) -> np.ndarray:
    """exp(-d * beta * input_scale) in Q0.31 for differences d from 0 to 255, by gemmlowp; 0 where it is too small."""
    multiplier, shift, least = _softmax_scaling(input_scale, beta)
    difference = -np.arange(256, dtype=np.int64)
    inside = difference >= least
    steps = high_product(np.where(inside, difference, 0) << max(shift, 0), multiplier)
    steps = divided_by_power(steps, max(-shift, 0))
    return np.where(inside, exponential(steps), 0).astype(np.int32)


def _softmax_scaling(input_scale: float, beta: float) -> tuple[int, int, int]:
    """Multiplier and shift from codes to Q5.26, and the least difference of codes that lies within it."""
    scaled = min(float(np.float64(np.float32(beta)) * np.float64(np.float32(input_scale)) * (1 << 26)), 2.0**31 - 1)
    multiplier, shift = _pair(scaled)
    return multiplier, shift, -int(np.floor(31 * (1 << 26) / 2.0**shift)) if shift > -40 else -256


def _pair(real: float) -> tuple[int, int]:
    multiplier, shift = quantize_multiplier(real)
    return int(multiplier), int(shift)
