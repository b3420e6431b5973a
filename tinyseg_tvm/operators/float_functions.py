"""Functions of float32 in a fixed sequence of float32 operations, so that C and NumPy agree bit for bit.

No mathematics library is involved. Coefficients: S. L. Moshier, Cephes Mathematical Library, ``expf``.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.operators.float_arithmetic import fused_multiply_add

_LOWEST = np.float32(-87.0)  # below, the result is 0: exp(-87) is 1.6e-38
_LOG2_E = np.float32(1.44269504088896341)
_ROUNDING = np.float32(12582912.0)  # 1.5 * 2^23: adding and subtracting it rounds to an integer
_LN2_HIGH = np.float32(-0.693359375)
_LN2_LOW = np.float32(2.12194440e-4)
_COEFFICIENTS = tuple(
    np.float32(value)
    for value in (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
)


def exponential(x: np.ndarray) -> np.ndarray:
    """exp(x) for float32 ``x <= 0``, within two units in the last place; 0 below -87.

    ``n`` is ``x / ln 2`` rounded to an integer, ``r = x - n * ln 2`` in two fused steps, ``exp(r)`` a polynomial of
    degree 7 by fused multiply-adds, the result times ``2^n``.
    """
    with np.errstate(all="ignore"):
        tiny = ~(x >= _LOWEST)
        x = np.where(tiny, np.float32(0), x)
        n = (x * _LOG2_E + _ROUNDING) - _ROUNDING
        r = fused_multiply_add(n, _LN2_HIGH, x)
        r = fused_multiply_add(n, _LN2_LOW, r)
        y = np.full_like(r, _COEFFICIENTS[0])
        for coefficient in _COEFFICIENTS[1:]:
            y = fused_multiply_add(y, r, coefficient)
        y = fused_multiply_add(y, r * r, r) + np.float32(1)
        power = ((n.astype(np.int32) + 127) << 23).view(np.float32)
        return np.asarray(np.where(tiny, np.float32(0), y * power))
