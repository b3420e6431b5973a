"""ONNX's quantisation in NumPy: float32, one rounding per operation, half to even.

``requantize_integer`` is the same requantisation in integers only, equal for every input: what a core without floating
point computes. docs/numeric-contract.md states both.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

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
    dtype: str = "int8",
) -> npt.NDArray[np.integer]:
    """``clip(round_half_even(float32(acc) * m) + zero_point, minimum, maximum)`` as ``dtype``.

    Args:
        accumulator: integers; from int64 to float32 is one rounding.
        multiplier: float32, broadcast against ``accumulator``; finite and not negative.
        zero_point: of the result.
        minimum: lower end of the clamp, of the result's type.
        maximum: upper end of the clamp, of the result's type.
        dtype: int8 or int16.
    """
    with np.errstate(over="ignore", under="ignore"):
        scaled = accumulator.astype(np.float32) * np.asarray(multiplier, np.float32)
    rounded = np.clip(np.rint(scaled), minimum - zero_point, maximum - zero_point)
    result: npt.NDArray[np.integer] = (rounded.astype(np.int32) + zero_point).astype(dtype)
    return result


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
    """Bits of each value, which is not negative; of 32 at a time, which float64 holds exactly."""
    high = value >> 32
    halves = (np.frexp(half.astype(np.float64))[1].astype(np.int64) for half in (high, value))
    above, below = halves
    return np.where(high > 0, above + 32, below)


def requantize_integer(
    accumulator: npt.NDArray[np.integer],
    multiplier: npt.ArrayLike,
    zero_point: int,
    minimum: int = -128,
    maximum: int = 127,
    dtype: str = "int8",
) -> npt.NDArray[np.integer]:
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

    # |product| is at most 2^24: with exponent 17 or more any value but 0 saturates, below -26 it rounds to 0.
    left = np.clip(exponent, 0, 24)
    right = np.clip(-exponent, 0, 40)
    rounded = _shift_round_half_even(product << left, right)
    rounded = np.clip(np.where(accumulator < 0, -rounded, rounded), minimum - zero_point, maximum - zero_point)
    result: npt.NDArray[np.integer] = (rounded + zero_point).astype(dtype)
    return result
