"""The fused multiply-add, and functions in a fixed sequence of float32 operations: C and NumPy agree bit for bit.

No mathematics library is involved. Coefficients: S. L. Moshier, Cephes Mathematical Library, ``expf``.
"""

from __future__ import annotations

import numpy as np

_BELOW_FLOAT32 = np.int64((1 << 29) - 1)  # bits of a float64's significand that a float32 lacks
_HALF = np.int64(1 << 28)  # of the last place of a float32
_SMALL = 2.0**-125  # below this a float32 may be subnormal, with fewer bits

_LOWEST = np.float32(-87.0)  # below, the result is 0: exp(-87) is 1.6e-38
_HIGHEST = np.float32(88.72283)  # above, the result is infinite
_LOG2_E = np.float32(1.44269504088896341)
_ROUNDING = np.float32(12582912.0)  # 1.5 * 2^23: adding and subtracting it rounds to an integer
_LN2_HIGH = np.float32(-0.693359375)
_LN2_LOW = np.float32(2.12194440e-4)
_COEFFICIENTS = tuple(
    np.float32(value)
    for value in (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
)


def fused_multiply_add(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """``x * y + z`` of float32 arrays, rounded once.

    The product is exact in float64. The sum in float64 is rounded a second time on its way to float32, which matters
    only where the first rounding ends in the middle between two float32 values; there the sum is made odd first.
    """
    product = x.astype(np.float64) * y.astype(np.float64)
    wide = z.astype(np.float64)
    with np.errstate(all="ignore"):
        total = np.asarray(product + wide)
        doubtful = (total.view(np.int64) & _BELOW_FLOAT32) == _HALF
        doubtful |= np.abs(total) < _SMALL
        if doubtful.any():
            shape = total.shape
            total[doubtful] = _odd_sum(
                np.broadcast_to(product, shape)[doubtful], np.broadcast_to(wide, shape)[doubtful]
            )
        return np.asarray(total.astype(np.float32))


def _odd_sum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a + b`` in float64, rounded to odd: where it is inexact, the neighbour with an odd significand."""
    total: np.ndarray = np.asarray(a + b)
    part = total - a
    error = (a - (total - part)) + (b - part)  # Knuth's TwoSum: total + error is exact
    bits = total.view(np.int64)
    inexact = (error < 0) | (error > 0)
    even = (bits & 1) == 0
    outwards = np.where((error > 0) == (total > 0), 1, -1)
    bits += np.where(inexact & even, outwards, 0)
    return total


def exponential(x: np.ndarray) -> np.ndarray:
    """exp(x) for float32, within two units in the last place; 0 below -87, infinite above 88.72283.

    ``n`` is ``x / ln 2`` rounded to an integer, ``r = x - n * ln 2`` in two fused steps, ``exp(r)`` a polynomial of
    degree 7 by fused multiply-adds, the result times ``2^(n / 2)`` and what is left of ``2^n``.
    """
    with np.errstate(all="ignore"):
        tiny, huge = ~(x >= _LOWEST), x > _HIGHEST
        x = np.where(tiny | huge, np.float32(0), x)
        n = (x * _LOG2_E + _ROUNDING) - _ROUNDING
        r = fused_multiply_add(n, _LN2_HIGH, x)
        r = fused_multiply_add(n, _LN2_LOW, r)
        y = np.full_like(r, _COEFFICIENTS[0])
        for coefficient in _COEFFICIENTS[1:]:
            y = fused_multiply_add(y, r, coefficient)
        y = fused_multiply_add(y, r * r, r) + np.float32(1)
        whole = n.astype(np.int32)
        half = whole >> 1
        y = (y * _power_of_two(half)) * _power_of_two(whole - half)
        return np.asarray(np.where(tiny, np.float32(0), np.where(huge, np.float32(np.inf), y)))


def _power_of_two(exponent: np.ndarray) -> np.ndarray:
    """``2^exponent`` for exponents of normal float32 values."""
    return np.asarray(((exponent + 127) << 23).astype(np.int32).view(np.float32))
