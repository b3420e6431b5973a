"""TensorFlow Lite's fixed-point arithmetic in NumPy: its reference kernels', with two roundings for a multiplication.

Names are those of the field: gemmlowp's ``SaturatingRoundingDoublingHighMul`` and ``RoundingDivideByPOT``,
TensorFlow Lite's ``QuantizeMultiplier`` and ``MultiplyByQuantizedMultiplier`` (tensorflow/lite/kernels/internal).
Values are int64 arrays that hold int32. docs/numeric-contract.md states the formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = npt.NDArray[np.int64]

_LEAST, _MOST = -(1 << 31), (1 << 31) - 1
_NEAR = 1e-3
"""How far from an integer the logarithm of a scale may be that counts as a power of two (``CheckedLog2``)."""


def round_half_away(values: npt.ArrayLike) -> npt.NDArray[np.floating]:
    """C's ``round``, in the type of the values."""
    given = np.asarray(values)
    return np.asarray(
        np.trunc(given) + np.where(np.abs(given - np.trunc(given)) >= 0.5, np.sign(given), 0), given.dtype
    )


def power_of_two(scale: float) -> int | None:
    """The exponent of a float32 scale that TensorFlow Lite takes for a power of two; None where it does not."""
    exponent = np.log2(np.float64(np.float32(scale)))
    nearest = np.rint(exponent)
    return int(nearest) if abs(exponent - nearest) < _NEAR else None


def quantize_multiplier(real: npt.ArrayLike) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Multiplier and shift with ``real = multiplier * 2^(shift - 31)``, the multiplier from 2^30 on, or both 0.

    Args:
        real: float64, not negative.
    """
    fraction, exponent = np.frexp(np.asarray(real, np.float64))
    multiplier = round_half_away(fraction * 2.0**31).astype(np.int64)
    carried = multiplier == 1 << 31
    multiplier = np.where(carried, 1 << 30, multiplier)
    shift = exponent.astype(np.int64) + carried
    lost = shift < -31
    return (
        np.where(lost, 0, multiplier).astype(np.int32),
        np.where(lost | (multiplier == 0), 0, shift).astype(np.int32),
    )


def are_below_half(multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> bool:
    """Whether all multipliers are below 1/2, so that results are shifted to the right alone."""
    return bool(((np.asarray(shift) < 0) | (np.asarray(multiplier) == 0)).all())


def wrapped(values: Integers) -> Integers:
    """The lower 32 bits as int32."""
    return np.asarray(values).astype(np.int64).astype(np.uint32).astype(np.int32).astype(np.int64)


def saturated(values: Integers) -> Integers:
    """Within int32."""
    return np.clip(values, _LEAST, _MOST)


def high_product(a: npt.ArrayLike, b: npt.ArrayLike) -> Integers:
    """``SaturatingRoundingDoublingHighMul``: ``(a * b + 2^30) >> 31``, ties up; saturated where both are -2^31."""
    return saturated((np.asarray(a, np.int64) * np.asarray(b, np.int64) + (1 << 30)) >> 31)


def divided_by_power(values: npt.ArrayLike, exponent: npt.ArrayLike) -> Integers:
    """``RoundingDivideByPOT``: ``values / 2^exponent``, ties away from zero; ``exponent`` from 0 to 31."""
    given, shift = np.asarray(values, np.int64), np.asarray(exponent, np.int64)
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    return np.where(shift > 0, (given + (given >> 63) + half) >> shift, given)


def multiplied(values: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> Integers:
    """``MultiplyByQuantizedMultiplier``: ``values * multiplier * 2^(shift - 31)`` with two roundings.

    Args:
        values: int32, in any integer type.
        multiplier: of ``quantize_multiplier``, broadcast against the values.
        shift: likewise; where it is positive the values are shifted first and keep their lower 32 bits.
    """
    exponent = np.asarray(shift, np.int64)
    lifted = wrapped(np.asarray(values, np.int64) << np.maximum(exponent, 0))
    return divided_by_power(high_product(lifted, multiplier), np.maximum(-exponent, 0))


def requantize(
    accumulator: npt.ArrayLike,
    multiplier: npt.ArrayLike,
    shift: npt.ArrayLike,
    zero_point: int,
    minimum: int = -128,
    maximum: int = 127,
    dtype: str = "int8",
) -> npt.NDArray[np.integer]:
    """``clip(multiplied(acc) + zero_point, minimum, maximum)`` as ``dtype``."""
    made: npt.NDArray[np.integer] = np.clip(
        multiplied(accumulator, multiplier, shift) + zero_point, minimum, maximum
    ).astype(dtype)
    return made


def narrow_multiplier(multiplier: npt.ArrayLike) -> Integers:
    """The multiplier's upper 15 bits, rounded: what sums of 64 bits are multiplied by."""
    wide = np.asarray(multiplier, np.int64)
    return np.where(wide < 0x7FFF0000, (wide + (1 << 15)) >> 16, 0x7FFF)


def multiplied_once(values: npt.ArrayLike, multiplier: npt.ArrayLike, shift: npt.ArrayLike) -> Integers:
    """``MultiplyByQuantizedMultiplier`` of int64: one rounding, ties up, by a multiplier of 15 bits.

    Args:
        values: within ``WIDE_SUM``.
        multiplier: of ``quantize_multiplier``, broadcast against the values.
        shift: likewise, below ``MOST_WIDE_SHIFT``.
    """
    right = 15 - np.asarray(shift, np.int64)
    product = np.asarray(values, np.int64) * narrow_multiplier(multiplier)
    return wrapped((product + (np.int64(1) << (right - 1))) >> right)


WIDE_SUM = 1 << 47
"""Beyond sums of 64 bits that ``multiplied_once`` is defined for."""
MOST_WIDE_SHIFT = 8
"""Beyond shifts that it is defined for."""


def rounded_quotient(sums: npt.ArrayLike, counts: npt.ArrayLike) -> Integers:
    """``sums / counts``, ties away from zero."""
    given, divisor = np.asarray(sums, np.int64), np.asarray(counts, np.int64)
    magnitude = (np.abs(given) + divisor // 2) // divisor
    return np.where(given < 0, -magnitude, magnitude)


def quantize(values: npt.ArrayLike, scale: float, zero_point: int, dtype: str) -> npt.NDArray[np.integer]:
    """``saturate(round_half_away(x / scale) + zero_point)``, the division in float32; NaN becomes the zero point."""
    limits = np.iinfo(dtype)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        rounded = round_half_away(np.asarray(values, np.float32) / np.float32(scale)).astype(np.float64)
    rounded = np.clip(np.nan_to_num(rounded), limits.min - zero_point, limits.max - zero_point)
    result: npt.NDArray[np.integer] = (rounded.astype(np.int64) + zero_point).astype(dtype)
    return result


def exponential(values: npt.ArrayLike, integer_bits: int = 5) -> Integers:
    """The ``exp_on_negative_values`` of gemmlowp: Q5.26, or of other integer bits (not positive), to Q0.31."""
    a = np.asarray(values, np.int64)
    fraction = 31 - integer_bits
    quarter = 1 << (fraction - 2)
    rest = (a & (quarter - 1)) - quarter
    result = _exponential_of_a_quarter(saturated(rest << integer_bits))
    remainder = rest - a
    for exponent, factor in zip(range(-2, integer_bits), _EXPONENTIALS, strict=False):
        result = np.where(remainder & (1 << (fraction + exponent)), high_product(result, factor), result)
    return np.where(a == 0, _MOST, result)


_EXPONENTIALS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
"""exp(-2^i) in Q0.31 for i from -2."""


def _exponential_of_a_quarter(a: Integers) -> Integers:
    """The exponential of Q0.31 from -1/4 to 0: a polynomial about -1/8."""
    exp_of_eighth, third = 1895147668, 715827883
    x = a + (1 << 28)
    square = high_product(x, x)
    cube, fourth = high_product(square, x), high_product(square, square)
    tail = divided_by_power(high_product(divided_by_power(fourth, 2) + cube, third) + square, 1)
    return saturated(exp_of_eighth + high_product(exp_of_eighth, x + tail))


def reciprocal(values: npt.ArrayLike) -> Integers:
    """The ``one_over_one_plus_x_for_x_in_0_1`` of gemmlowp: Q0.31 to Q0.31, by three steps of Newton's method."""
    return saturated(_twice_reciprocal(values) << 1)


def reflected_reciprocal(values: npt.ArrayLike) -> Integers:
    """The ``one_minus_x_over_one_plus_x_for_x_in_0_1`` of gemmlowp: Q0.31 to Q0.31, of the same steps."""
    return saturated((_twice_reciprocal(values) - (1 << 29)) << 2)


def _twice_reciprocal(values: npt.ArrayLike) -> Integers:
    """2 / (1 + x) of Q0.31 in Q2.29."""
    total = np.asarray(values, np.int64) + _MOST
    half = np.where(total >= 0, (total + 1) >> 1, -((1 - total) >> 1))
    x = saturated(1515870810 + high_product(half, -1010580540))
    for _ in range(3):
        error = (1 << 29) - high_product(half, x)
        x = saturated(x + saturated(high_product(x, error) << 2))
    return x


def squashing_table(function: str, scale: float, zero_point: int) -> npt.NDArray[np.int8]:
    """The results of "logistic" (steps of 1/256 from -128 on) or "tanh" (of 1/128) for every code of int8.

    As the kernels of TensorFlow Lite for Microcontrollers compute them, the operand in Q4.27; entry ``i`` is for the
    byte ``i``.

    Args:
        function: its name.
        scale: of the operand.
        zero_point: of the operand.
    """
    values = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64) - zero_point
    multiplier, shift = quantize_multiplier(np.float64(np.float32(scale)) * 2.0**27)
    x = multiplied(values, multiplier, shift)
    if function == "tanh":
        positive = reflected_reciprocal(exponential(-np.abs(x)))
        made = np.where(x == 0, 0, np.where(x < 0, -positive, positive))
        codes = divided_by_power(made, 24)
    else:
        positive = reciprocal(exponential(-np.abs(x), 4))
        made = np.where(x == 0, 1 << 30, np.where(x > 0, positive, _MOST - positive))
        codes = divided_by_power(made, 23) - 128
    radius = int(15.0 * 2.0**27 / 2.0 ** float(shift))  # from there on all is saturated
    codes = np.where(values <= -radius, -128, np.where(values >= radius, 127, codes))
    return np.asarray(np.clip(codes, -128, 127), np.int8)


def sigmoid_table() -> npt.NDArray[np.uint16]:
    """sigmoid(i / 24) in units of 2^-16 for i from 0 to 255, moved by half of what interpolation is off by."""

    def sigmoid(at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(65536.0 / (1.0 + np.exp(-at / 24)))

    places = np.arange(256, dtype=np.float64)
    middle = (sigmoid(places) + sigmoid(places + 1)) / 2
    entries = np.floor(sigmoid(places) + 0.5 + (sigmoid(places + 0.5) - middle) / 2)
    entries[255] = 65535
    return np.minimum(entries, 65535).astype(np.uint16)


Function: TypeAlias = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
"""Elementwise."""


def interpolation_table(function: Function, least: float, most: float) -> npt.NDArray[np.int16]:
    """513 values of a function on an interval, in units of 2^-15, moved by half of what interpolation is off by."""
    step = (most - least) / 512
    start = least + np.arange(512, dtype=np.float64) * step
    end = least + np.arange(1, 513, dtype=np.float64) * step
    sample = _rounded(function(start) * 32768.0)
    error = _rounded((function(end) * 32768.0 + sample) / 2.0) - _rounded(function(start + step / 2.0) * 32768.0)
    entries = np.append(sample - _rounded(error / 2.0), _rounded(function(np.array([most])) * 32768.0))
    return np.asarray(np.clip(entries, -32768, 32767)).astype(np.int16)


def _rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(round_half_away(values), np.float64)


def interpolated(values: npt.ArrayLike, table: npt.NDArray[np.int16]) -> Integers:
    """Between entries of ``interpolation_table``; values are int16, the ends of the interval those of the type."""
    given, entries = np.asarray(values, np.int64), table.astype(np.int64)
    index = 256 + (given >> 7)
    base, slope = entries[index], entries[index + 1] - entries[index]
    return np.asarray(base + ((slope * (given & 0x7F) + 64) >> 7))


def lookup_table(
    function: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.floating]],
    source: tuple[float, int],
    result: tuple[float, int],
    dtype: str = "int8",
) -> npt.NDArray[np.integer]:
    """The table by which the reference kernels compute a function of one operand; entry ``i`` is for the byte ``i``.

    Args:
        function: elementwise, float32 to float32.
        source: scale and zero point of the operand.
        result: the same of the result.
        dtype: of both.
    """
    codes = np.arange(256, dtype=np.uint8).view(dtype).astype(np.int64)
    inverse = np.float32(1) / np.float32(result[0])
    with np.errstate(all="ignore"):
        real = np.float32(source[0]) * (codes - source[1]).astype(np.float32)
        scaled = np.asarray(function(real), np.float32) * inverse
        codes_made = round_half_away(scaled) + np.float32(result[1])
    limits = np.iinfo(dtype)
    saturated_codes = np.clip(np.nan_to_num(codes_made.astype(np.float64)), limits.min, limits.max)
    made: npt.NDArray[np.integer] = saturated_codes.astype(dtype)
    return made


def inverse_square_root(values: npt.ArrayLike) -> tuple[Integers, Integers]:
    """``GetInvSqrtQuantizedMultiplierExp``: ``1 / sqrt(x) = multiplier * 2^(-31 - right)``, by five steps of Newton's
    method in Q3.28; of 0 as of 1.

    Args:
        values: int32, not negative.
    """
    given = np.asarray(values, np.int64)
    scaled, right = np.where(given <= 1, 1 << 27, given), np.full(given.shape, 11, np.int64)
    for _ in range(2):  # below 2^29
        large = scaled >= 1 << 29
        scaled, right = np.where(large, scaled >> 2, scaled), right + large
    pairs = (31 - _bit_length(scaled)) // 2 - 1
    scaled, right = scaled << (2 * pairs), right - pairs
    half, three_halves = divided_by_power(scaled >> 1, 1), (1 << 28) + (1 << 27)
    x: Integers = np.full(given.shape, 1 << 28, np.int64)
    for _ in range(5):
        cube = saturated(high_product(high_product(x, x), x) << 6)
        x = saturated((high_product(three_halves, x) - high_product(half, cube)) << 3)
    multiplier = high_product(x, 1518500250) << np.maximum(-right, 0)
    return np.where(given <= 1, _MOST, multiplier), np.where(given <= 1, 0, np.maximum(right, 0))


def logarithm(values: npt.ArrayLike) -> Integers:
    """``log_x_for_x_greater_than_or_equal_to_1``: Q12.19 from 1 on to Q5.26."""
    x = np.asarray(values, np.int64)
    half_root, fourth_root, quarter = 1518500250, 1805811301, 1 << 23
    room = 31 - _bit_length(x)
    smaller_room = 31 - _bit_length(high_product(x, half_root))
    first = saturated(high_product(x << room, half_root) << 1)
    root = np.minimum(first, saturated(x << smaller_room))
    exponent = np.maximum(((11 - room) << 25) + quarter, ((12 - smaller_room) << 25) - quarter)
    p, q = (root + fourth_root + 1) >> 1, (root - fourth_root) << 1
    square = high_product(q, q)
    numerator = high_product(q, root) + high_product(high_product(q, square), 117049297)
    denominator = high_product(p, 1057819769 + q + high_product(127690142, square)) + high_product(638450708, q)
    fraction = high_product(divided_by_power(numerator, 6), reciprocal(denominator))
    return saturated((high_product(exponent, 1488522236) + fraction) << 1)


def _bit_length(values: Integers) -> Integers:
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)
