"""The rule ``onnx``: integers in, int32 sums, one multiplication in float32 by ONNX's quantisation, integers out.

float32, one rounding per operation; docs/numeric-contract.md states the formulas. ``requantize_integer`` is the same
requantisation in integers only, equal for every input: what a core without floating point computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tinyseg_tvm.operators.arithmetic import accumulators as sums
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.tensor_type import TensorType

_SIGNIFICAND_BITS = 24  # of an IEEE 754 binary32, hidden bit included
_MANTISSA_MASK = (1 << 23) - 1
_EXPONENT_BIAS = 127 + 23  # of the significand read as an integer


def conv_multiplier(input_scale: float, weight_scale: npt.ArrayLike, output_scale: float) -> npt.NDArray[np.float32]:
    """``float32(float32(s_x * s_w) / s_y)`` per output channel, shape of ``weight_scale``."""
    product = np.float32(input_scale) * np.asarray(weight_scale, np.float32)
    return np.asarray(product / np.float32(output_scale), np.float32)


def average_multiplier(input_scale: float, output_scale: float, count: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """``float32(float32(s_x / s_y) / count)``: the multiplier of a sum of ``count`` values."""
    ratio = np.float32(input_scale) / np.float32(output_scale)
    return np.asarray(ratio / np.asarray(count, np.float32), np.float32)


def requantize(
    accumulator: npt.NDArray[np.integer],
    multiplier: npt.ArrayLike,
    zero_point: int,
    minimum: int = -128,
    maximum: int = 127,
) -> npt.NDArray[np.int8]:
    """``clip(round_half_even(float32(acc) * m) + zero_point, minimum, maximum)`` as int8.

    Args:
        accumulator: int32 values (in any integer type).
        multiplier: float32, broadcast against ``accumulator``; finite and not negative.
        zero_point: of the result.
        minimum: lower end of the clamp, at least -128.
        maximum: upper end of the clamp, at most 127.
    """
    with np.errstate(over="ignore", under="ignore"):
        scaled = accumulator.astype(np.float32) * np.asarray(multiplier, np.float32)
    rounded = np.clip(np.rint(scaled), minimum - zero_point, maximum - zero_point)
    return (rounded.astype(np.int32) + zero_point).astype(np.int8)


def quantize(values: npt.ArrayLike, scale: float, zero_point: int, dtype: str = "int8") -> npt.NDArray[np.integer]:
    """``saturate(round_half_even(x / scale) + zero_point)``, the division in float32; NaN becomes the zero point."""
    limits = np.iinfo(dtype)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        rounded = np.rint(np.asarray(values, np.float32) / np.float32(scale))
    rounded = np.where(np.isnan(rounded), np.float32(0), rounded)
    rounded = np.clip(rounded, limits.min - zero_point, limits.max - zero_point)
    result: npt.NDArray[np.integer] = (rounded.astype(np.int32) + zero_point).astype(dtype)
    return result


def dequantize(values: npt.NDArray[np.integer], scale: float, zero_point: int) -> npt.NDArray[np.float32]:
    """``float32(x - zero_point) * scale`` in float32."""
    difference = values.astype(np.int64) - zero_point
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(difference.astype(np.float32) * np.float32(scale), np.float32)


def lookup_table(
    function: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.floating]],
    source: tuple[float, int, str],
    result: tuple[float, int, str],
) -> npt.NDArray[np.integer]:
    """The table of a Lookup: dequantise, ``function`` on float32, quantise. Entry ``i`` is for the byte ``i``.

    Args:
        function: elementwise, float32 to float32.
        source: scale, zero point and type ("int8" or "uint8") of the operand.
        result: the same of the result.
    """
    source_scale, source_zero_point, source_dtype = source
    codes = np.arange(256, dtype=np.uint8).view(source_dtype)
    real = np.asarray(function(dequantize(codes, source_scale, source_zero_point)), np.float32)
    return quantize(real, *result)


def _shift_round_half_even(value: npt.NDArray[np.int64], shift: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """``value / 2^shift`` rounded half to even; ``value`` below 2^48 and not negative, shift from 0 to 62."""
    floor = value >> shift
    remainder = value - (floor << shift)
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), np.int64(1))
    up = (remainder > half) | ((remainder == half) & ((floor & 1) == 1) & (shift > 0))
    return np.asarray(floor + up, np.int64)


def _bit_length(value: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Bits of each value; below 2^53, so that float64 holds it exactly."""
    return np.frexp(value.astype(np.float64))[1].astype(np.int64)


def requantize_integer(
    accumulator: npt.NDArray[np.integer],
    multiplier: npt.ArrayLike,
    zero_point: int,
    minimum: int = -128,
    maximum: int = 127,
) -> npt.NDArray[np.int8]:
    """Exactly ``requantize``, in integers: the form for cores without floating point.

    The three roundings of the float form, each half to even: the accumulator to 24 significant bits, its product
    with the multiplier's 24-bit significand (48 bits) to 24 bits, and that to an integer.
    """
    bits = np.asarray(multiplier, np.float32).view(np.uint32).astype(np.int64)
    exponent_field = bits >> 23
    significand = np.where(exponent_field > 0, (bits & _MANTISSA_MASK) | (1 << 23), bits & _MANTISSA_MASK)
    exponent = np.maximum(exponent_field, 1) - _EXPONENT_BIAS  # multiplier = significand * 2^exponent

    accumulator = accumulator.astype(np.int64)
    magnitude = np.abs(accumulator)
    excess = np.maximum(_bit_length(magnitude) - _SIGNIFICAND_BITS, 0)
    product = _shift_round_half_even(magnitude, excess) * significand
    exponent = exponent + excess

    excess = np.maximum(_bit_length(product) - _SIGNIFICAND_BITS, 0)
    product = _shift_round_half_even(product, excess)
    exponent = exponent + excess

    # |product| is at most 2^24: with exponent 8 or more any value but 0 saturates, below -26 it rounds to 0.
    left = np.clip(exponent, 0, 16)
    right = np.clip(-exponent, 0, 40)
    rounded = _shift_round_half_even(product << left, right)
    rounded = np.clip(np.where(accumulator < 0, -rounded, rounded), minimum - zero_point, maximum - zero_point)
    return (rounded + zero_point).astype(np.int8)


RULE = "onnx"


class _Quantized:
    """What all forms of the rule share: operands and results of one integer type."""

    rule: ClassVar[str] = RULE

    @property
    def dtype(self) -> str:
        """int8: uint8 models are shifted at import."""
        return "int8"

    @property
    def result_quantization(self) -> tuple[float, int] | None:
        """As the fields say, where they have a scale."""
        scale: float | None = getattr(self, "output_scale", None)
        zero_point: int = getattr(self, "output_zero_point", 0)
        return None if scale is None else (float(np.float32(scale)), zero_point)

    @property
    def operand_zero(self) -> int:
        """The operand's zero point, where there is one operand."""
        zero_point: int = getattr(self, "input_zero_point", 0)
        return zero_point

    @property
    def cuts_at_zero(self) -> bool:
        """Where the clamp begins at the zero point."""
        return bool(getattr(self, "output_min", None) == getattr(self, "output_zero_point", 0))


@dataclass(frozen=True)
class WeightedSum(_Quantized, forms.WeightedSum):
    """``acc = bias[o] + sum((x - input_zero_point) * w)`` in int32,
    ``y = clip(round_half_even(float32(acc) * multiplier[o]) + output_zero_point, output_min, output_max)``.

    Constants: ``weight`` int8, or int16 where an asymmetric weight's ``w - zero_point`` leaves int8; ``bias`` (O,)
    int32; ``multiplier`` (O,) float32.
    """

    constant_names: ClassVar[tuple[str, ...]] = ("multiplier",)

    input_zero_point: int
    output_zero_point: int
    output_min: int
    output_max: int

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Also the clamp is an interval."""
        super().expect_operands(inputs)
        expect_clamp(self.output_min, self.output_max)

    def expect_constants(self, constants: Mapping[str, TensorType], rank: int) -> int:
        """Integers, and a multiplier per channel."""
        channels = sums.expect_integer_weights(constants, rank)
        multiplier = constants["multiplier"]
        if multiplier.dtype != "float32" or multiplier.shape != (channels,):
            raise ValueError(
                f"the multiplier is {multiplier.dtype} {multiplier.shape}; float32 ({channels},) is needed"
            )
        return channels

    def check(self, constants: Mapping[str, np.ndarray]) -> None:
        """No accumulator may overflow, and multipliers are finite and not negative."""
        multiplier = constants["multiplier"]
        bad = np.flatnonzero(~(np.isfinite(multiplier) & (multiplier >= 0)))
        if bad.size:
            raise ValueError(
                f"the requantisation multiplier of output channel {bad[0]} is {multiplier[bad[0]]}; "
                "it must be finite and not negative (check the scales)"
            )
        sums.check_no_overflow(constants["weight"], constants["bias"], self.input_zero_point)

    def begin(self, constants: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """In the float type that holds all partial sums exactly."""
        return sums.exact_accumulators(constants["weight"], constants["bias"], shape)

    def values(self, data: np.ndarray) -> np.ndarray:
        """``x - input_zero_point``."""
        return np.asarray(data.astype(np.int16) - np.int16(self.input_zero_point))

    def add(self, accumulators: np.ndarray, values: np.ndarray, weights: np.ndarray) -> None:
        """Matrix products that are exact in floating point."""
        sums.add_exact_products(accumulators, values, weights)

    def results(self, accumulators: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """The requantised sums."""
        exact = accumulators.astype(np.int32)
        return requantize(exact, constants["multiplier"], self.output_zero_point, self.output_min, self.output_max)


@dataclass(frozen=True)
class Average(_Quantized, forms.Average):
    """``acc = sum(x - input_zero_point)`` in int32,
    ``y = clip(round_half_even(float32(acc) * m) + output_zero_point, -128, 127)`` with
    ``m = float32(float32(input_scale / output_scale) / count)``.
    """

    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int

    def most_values(self) -> int:
        """Differences of 255 that an int32 can sum."""
        return (2**31 - 1) // 255

    def values(self, data: np.ndarray) -> np.ndarray:
        """``x - input_zero_point`` in int32."""
        return data.astype(np.int32) - self.input_zero_point

    def results(self, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """The requantised sums."""
        return requantize(sums, self.multiplier(counts), self.output_zero_point)

    def multiplier(self, counts: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """The multiplier of sums of so many values."""
        return average_multiplier(self.input_scale, self.output_scale, counts)


@dataclass(frozen=True)
class Binary(_Quantized, forms.Binary):
    """``y = clip(round_half_even(f(a', b') / output_scale) + output_zero_point, output_min, output_max)`` with
    ``a' = float32(a - lhs_zero_point) * lhs_scale``, each operation rounded to float32 (no fused multiply-add).
    """

    functions: ClassVar[tuple[str, ...]] = ("add", "sub", "mul")

    lhs_scale: float
    lhs_zero_point: int
    rhs_scale: float
    rhs_zero_point: int
    output_scale: float
    output_zero_point: int
    output_min: int
    output_max: int

    def expect_operands(self, inputs: Sequence[TensorType]) -> None:
        """Also the clamp is an interval."""
        super().expect_operands(inputs)
        expect_clamp(self.output_min, self.output_max)

    def results(self, function: str, lhs: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """The formula above, vectorised."""
        low, high = self.output_min - self.output_zero_point, self.output_max - self.output_zero_point
        a = dequantize(lhs, self.lhs_scale, self.lhs_zero_point)
        b = dequantize(rhs, self.rhs_scale, self.rhs_zero_point)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            rounded = np.rint(np.asarray(_BINARY[function](a, b), np.float32) / np.float32(self.output_scale))
        rounded = np.nan_to_num(np.clip(rounded, low, high))
        return np.asarray(rounded.astype(np.int32) + self.output_zero_point).astype(np.int8)


_BINARY: dict[str, Callable[[Any, Any], Any]] = {"add": np.add, "sub": np.subtract, "mul": np.multiply}


@dataclass(frozen=True)
class Softmax(_Quantized, forms.Softmax):
    """``e[i] = table[max(x) - x[i]]``, summed in order of ``i`` in float32, ``p = e[i] / sum`` in float32,
    ``y = clip(round_half_even(p / output_scale) + output_zero_point, -128, 127)``.

    Constants: ``table`` (256,) float32, ``table[d] = float32(exp(-d * input_scale))``, computed in float64.
    """

    constant_names: ClassVar[tuple[str, ...]] = ("table",)

    output_scale: float
    output_zero_point: int

    def expect_constants(self, constants: Mapping[str, TensorType]) -> None:
        """A table of exponentials."""
        table = constants["table"]
        if table.dtype != "float32" or table.shape != (256,):
            raise ValueError(f"the table is {table.dtype} of shape {table.shape}; float32 (256,) is needed")

    def results(self, data: np.ndarray, constants: Mapping[str, np.ndarray]) -> np.ndarray:
        """The sum runs over the channels in order, vectorised over everything else."""
        wide = data.astype(np.int16)
        exponentials = constants["table"][wide.max(axis=-1, keepdims=True) - wide]
        total = np.zeros(data.shape[:-1], np.float32)
        for channel in range(data.shape[-1]):
            total = total + exponentials[..., channel]
        return quantize(exponentials / total[..., np.newaxis], self.output_scale, self.output_zero_point)


@dataclass(frozen=True)
class Interpolation(_Quantized, forms.Interpolation):
    """``acc = sum(weight * (x - input_zero_point))`` in int32,
    ``y = clip(round_half_even(float32(acc) * m) + output_zero_point, -128, 127)`` with
    ``m = float32(float32(input_scale / output_scale) / unit)``.
    """

    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int

    def values(self, data: np.ndarray) -> np.ndarray:
        """``x - input_zero_point``."""
        return data.astype(np.int32) - self.input_zero_point

    def results(self, accumulators: np.ndarray, unit: int) -> np.ndarray:
        """The requantised sums."""
        return requantize(accumulators, self.multiplier(unit), self.output_zero_point)

    def multiplier(self, unit: int) -> npt.NDArray[np.float32]:
        """The multiplier of sums whose weights sum to ``unit``."""
        return average_multiplier(self.input_scale, self.output_scale, unit)


def expect_clamp(output_min: int, output_max: int) -> None:
    """Raises ValueError unless the clamp is an int8 interval."""
    if not -128 <= output_min <= output_max <= 127:
        raise ValueError(f"the clamp [{output_min}, {output_max}] is no interval of int8")
