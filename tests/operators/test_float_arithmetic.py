"""The fused multiply-add rounds once; the exponential function is good to two units in the last place."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from tinyseg_tvm.operators.arithmetic.float32 import clamp
from tinyseg_tvm.operators.arithmetic.float32_functions import exponential, fused_multiply_add


def rounded(value: Fraction) -> np.float32:
    """The float32 nearest to a rational number, half to even."""
    guess = np.float32(float(value))
    candidates = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]

    def badness(candidate: np.float32) -> tuple[Fraction, int]:
        return abs(Fraction(float(candidate)) - value), int(candidate.view(np.int32)) & 1

    return min(candidates, key=badness)


def triples(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    """Products and addends of similar and of very different sizes, subnormal ones, and ties."""
    x, y, z = (rng.integers(-(2**24), 2**24, count).astype(np.float64) for _ in range(3))
    sizes = rng.integers(-60, 20, (2, count))
    x, y = x * 2.0 ** sizes[0], y * 2.0 ** sizes[1]
    z = np.where(rng.integers(2, size=count) == 0, x * y * 2.0 ** rng.integers(-50, 30, count), z)
    small = rng.integers(4, size=count) == 0
    x = np.where(small, x * 2.0**-70, x)
    z = np.where(small, z * 2.0**-130, z)
    return [a.astype(np.float32) for a in (x, y, z)]


def test_a_fused_multiply_add_is_the_exact_sum_rounded_once():
    x, y, z = triples(np.random.default_rng(0), 4000)
    result = fused_multiply_add(x, y, z)
    for a, b, c, got in zip(x, y, z, result, strict=True):
        exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
        if abs(exact) < 2**127:
            assert got == rounded(exact), (a, b, c)


def test_a_tie_in_float64_is_not_rounded_twice():
    # 1 + 2^-24 is a tie of float32; 2^-80 more decides it, and is lost in float64.
    half, one = np.float32(2.0**-24), np.float32(1)
    x = np.array([np.float32(2.0**-40), np.float32(-(2.0**-40))])
    y = np.array([np.float32(2.0**-40)] * 2)
    wide = np.nextafter(one, np.float32(2))
    # (1 + 2^-24) as z is no float32: make it of the product instead
    tie = fused_multiply_add(np.array([half]), np.array([one]), np.array([one]))
    assert tie[0] == one
    up = fused_multiply_add(np.array([half * np.float32(1 + 2.0**-23)]), np.array([one]), np.array([one]))
    assert up[0] == wide
    exact = (np.float32(2.0**-12) * np.float32(1 + 2.0**-23), np.float32(2.0**-12) * np.float32(1 - 2.0**-23))
    # the product is 2^-24 * (1 - 2^-46): just below the tie, which 1 + product in float64 cannot say
    below = fused_multiply_add(np.array([exact[0]]), np.array([exact[1]]), np.array([wide]))
    assert below[0] == wide
    assert np.float32(np.float64(exact[0]) * np.float64(exact[1]) + np.float64(wide)) != wide
    assert fused_multiply_add(x, y, np.array([one, one])).tolist() == [1, 1]


def test_a_clamp_makes_negative_zero_positive():
    result = clamp(np.array([-0.0, -1.0, 2.0], np.float32), 0.0, 6.0)
    assert result.tobytes() == np.array([0.0, 0.0, 2.0], np.float32).tobytes()


def test_the_exponential_function_is_exact_to_two_units():
    x = -np.linspace(0, 86.9, 20001).astype(np.float32)
    exact = np.exp(x.astype(np.float64))
    error = np.abs(exponential(x) - exact) / np.spacing(exact.astype(np.float32))
    assert error.max() < 2
    assert exponential(np.array([0.0, -88.0, -np.inf], np.float32)).tolist() == [1, 0, 0]
