"""The float32 requantisation of the contract, and its integer form."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyseg_tvm.operators.arithmetic.onnx_functions import (
    conv_multiplier,
    dequantize,
    lookup_table,
    quantize,
    requantize,
    requantize_integer,
)

int32s = st.integers(-(2**31), 2**31 - 1)
near_powers = st.builds(
    lambda power, offset, sign: max(-(2**31), min(2**31 - 1, sign * (2**power + offset))),
    st.integers(0, 31),
    st.integers(-3, 3),
    st.sampled_from([-1, 1]),
)
multipliers = st.one_of(
    st.floats(2.0**-40, 4.0, width=32),
    st.floats(0.0, float(np.finfo(np.float32).max), width=32, allow_subnormal=True),
    st.builds(lambda mantissa, power: mantissa * 2.0**power, st.integers(1, 2**12), st.integers(-30, 2)),
)


def float32_of(value: Fraction) -> Fraction:
    """``value`` rounded to binary32, half to even, in exact arithmetic (no overflow)."""
    if value == 0:
        return value
    exponent = -149
    while abs(value) / Fraction(2) ** exponent >= 2**24:
        exponent += 1
    return round(value / Fraction(2) ** exponent) * Fraction(2) ** exponent


def by_definition(accumulator: int, multiplier: float, zero_point: int) -> int:
    """The contract's sentence in rational numbers."""
    product = float32_of(float32_of(Fraction(accumulator)) * Fraction(multiplier))
    return max(-128, min(127, round(product) + zero_point))


@settings(max_examples=400)
@given(st.one_of(int32s, near_powers), multipliers, st.integers(-128, 127))
def test_both_forms_equal_the_definition_in_rational_numbers(accumulator, multiplier, zero_point):
    expected = by_definition(accumulator, multiplier, zero_point)
    array = np.array([accumulator], np.int32)
    assert requantize(array, np.float32(multiplier), zero_point)[0] == expected
    assert requantize_integer(array, np.float32(multiplier), zero_point)[0] == expected


def test_integer_form_equals_the_float_form_on_many_values():
    rng = np.random.default_rng(0)
    for _ in range(40):
        accumulator = (rng.integers(-(2**31), 2**31, 20_000) >> rng.integers(0, 31, 20_000)).astype(np.int32)
        multiplier = (rng.uniform(0.5, 1, 20_000) * 2.0 ** rng.integers(-34, 3, 20_000)).astype(np.float32)
        zero_point = int(rng.integers(-128, 128))
        low, high = sorted(rng.integers(-128, 128, 2).tolist())
        np.testing.assert_array_equal(
            requantize_integer(accumulator, multiplier, zero_point, low, high),
            requantize(accumulator, multiplier, zero_point, low, high),
        )


def test_forms_agree_on_ties_and_their_neighbours():
    # acc * 2^-k is a tie for odd multiples of 2^(k-1): half to even decides.
    accumulator = np.arange(-4000, 4001, dtype=np.int32)
    for power in range(1, 9):
        multiplier = np.float32(2.0**-power)
        result = requantize(accumulator, multiplier, 0)
        np.testing.assert_array_equal(result, np.clip(np.rint(accumulator / 2.0**power), -128, 127))
        np.testing.assert_array_equal(requantize_integer(accumulator, multiplier, 0), result)


def test_accumulator_is_rounded_to_float32_before_it_is_multiplied():
    # float32 steps by 4 at 2^25, so 2^25 + 2 is a tie, which goes to 2^25; 0.5 is a tie again, which goes to 0.
    accumulator = np.array([2**25 + 2], np.int32)
    multiplier = np.float32(0.5 * 2.0**-25)
    assert requantize(accumulator, multiplier, 0)[0] == 0
    assert requantize_integer(accumulator, multiplier, 0)[0] == 0


def test_clamp_saturates_far_values_and_infinite_products():
    accumulator = np.array([2**31 - 1, -(2**31), 0], np.int32)
    largest = np.finfo(np.float32).max
    for form in (requantize, requantize_integer):
        assert form(accumulator, largest, 5).tolist() == [127, -128, 5]
        assert form(accumulator, np.float32(1), 5, -3, 90).tolist() == [90, -3, 5]
        assert form(accumulator, np.float32(0), 5).tolist() == [5, 5, 5]
        assert form(accumulator, np.float32(1e-45), 5).tolist() == [5, 5, 5]


def test_conv_multiplier_rounds_after_each_operation():
    for _ in range(100):
        rng = np.random.default_rng(_)
        scales = rng.uniform(1e-4, 1, 3).astype(np.float32)
        product = struct.unpack("f", struct.pack("f", float(scales[0]) * float(scales[1])))[0]
        expected = struct.unpack("f", struct.pack("f", product / float(scales[2])))[0]
        assert conv_multiplier(scales[0], scales[1], scales[2]) == np.float32(expected)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_quantize_inverts_dequantize(dtype):
    codes = np.arange(256, dtype=np.uint8).view(dtype)
    for scale in (0.0039, 0.1, 1 / 3, 7.0):
        for zero_point in (int(codes.min()), 3, int(codes.max())):
            np.testing.assert_array_equal(
                quantize(dequantize(codes, scale, zero_point), scale, zero_point, dtype), codes
            )


def test_quantize_rounds_ties_to_even_and_saturates():
    values = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 1e30, -1e30, np.inf, -np.inf, np.nan], np.float32)
    assert quantize(values, 1.0, 0).tolist() == [0, 2, 2, 0, -2, 127, -128, 127, -128, 0]
    assert quantize(values, 1.0, 10).tolist() == [10, 12, 12, 10, 8, 127, -128, 127, -128, 10]


def test_lookup_table_is_indexed_by_the_byte():
    table = lookup_table(lambda x: np.maximum(x, 0), (0.5, -1, "int8"), (0.25, 3, "int8"))
    for code in range(-128, 128):
        expected = max(-128, min(127, round(max((code + 1) * 0.5, 0) / 0.25) + 3))
        assert table[code & 255] == expected
