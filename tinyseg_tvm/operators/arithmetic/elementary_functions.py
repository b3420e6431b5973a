"""Elementary functions in fixed sequences of float32 operations: C and NumPy agree bit for bit, without a libm.

Every operation rounds once to float32; ``fma`` is fused. The same sequences in C are in
codegen/runtime/float32/tinyseg_functions_f32.c. Coefficients are weighted minimax fits in float64 of the project's own.
Functions give NaN where they are undefined and infinity where they have a pole; NaN goes through as what it may.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.operators.arithmetic.float32_functions import exponential
from tinyseg_tvm.operators.arithmetic.float32_functions import fused_multiply_add as fma

f32 = np.float32
_ONE, _TWO, _ZERO = f32(1), f32(2), f32(0)
_INFINITE, _UNDEFINED = f32(np.inf), f32(np.nan)
_INTEGERS = f32(8388608.0)  # 2^23: from here on every float32 is an integer

_ERF_NEAR = (7.889119297033176e-05, -0.0008020841050893068, 0.005189535208046436, -0.026854444295167923,
             0.11283600330352783, -0.3761262595653534, 1.1283791065216064)  # fmt: skip
_ERF_FAR = (2.1686850232072175e-05, -0.00044133636401966214, 0.004204561933875084, -0.025208257138729095,
            0.10841857641935349, 0.6332198977470398, 1.1295784711837769, -0.0001880402269307524)  # fmt: skip
_TANH = (0.002275908598676324, -0.008329605683684349, 0.021764755249023438, -0.05395878478884697, 0.1333330124616623,
         -0.3333333432674408)  # fmt: skip
_LOG = (0.067483089864254, -0.11677876859903336, 0.11888645589351654, -0.12405279278755188, 0.14219450950622559,
        -0.16668008267879486, 0.20002123713493347, -0.25000008940696716, 0.3333331346511841)  # fmt: skip
_SIN = (-0.00019585494010243565, 0.008332737721502781, -0.166666641831398)
_COS = (2.4545519409002736e-05, -0.0013888292014598846, 0.0416666641831398)
_ATAN = (-0.06446168571710587, 0.10742652416229248, -0.1426393687725067, 0.19999542832374573, -0.3333333134651184)

_LN2_HIGH, _LN2_LOW = f32(0.693359375), f32(-2.12194440e-4)
_HALF_ROOT = np.int32(0x3F3504F3)  # bits of sqrt(1/2)
_TWO_OVER_PI = f32(0.63661977236758134)
_HALF_PI = (f32(-1.5707963705062866), f32(4.371138828673793e-08), f32(1.7151245100058819e-15))  # of -pi/2, their sum
_TAN_22_5, _TAN_67_5 = f32(0.41421356237309503), f32(2.4142135623730949)


def _polynomial(coefficients: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """Horner's scheme by fused multiply-adds, the coefficient of the highest power first."""
    y = np.full_like(x, f32(coefficients[0]))
    for coefficient in coefficients[1:]:
        y = fma(y, x, f32(coefficient))
    return y


def logarithm(x: np.ndarray) -> np.ndarray:
    """ln(x): ``x = m * 2^e`` with ``m`` from sqrt(1/2) to sqrt(2), ``f = m - 1``, ``f - f^2 / 2 + f^3 * P(f)``, and
    ``e * ln 2`` in two parts. Subnormal numbers are scaled by 2^23 first.
    """
    with np.errstate(all="ignore"):
        small = x < f32(1.1754944e-38)
        scaled = np.where(small, x * _INTEGERS, x)
        bits = np.asarray(scaled, f32, order="C").view(np.int32)
        exponent = (bits - _HALF_ROOT) >> 23
        f = (bits - (exponent << 23)).view(f32) - _ONE
        e = (exponent - np.where(small, np.int32(23), np.int32(0))).astype(f32)
        square = f * f
        y = (square * f) * _polynomial(_LOG, f)
        y = fma(e, _LN2_LOW, y)
        y = fma(square, f32(-0.5), y)
        y = fma(e, _LN2_HIGH, f + y)
        y = np.where(x == _ZERO, -_INFINITE, np.where(x < _ZERO, _UNDEFINED, y))
        return np.asarray(np.where(x == _INFINITE, x, y))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """``z = exp(-|x|)``; ``1 / (1 + z)``, below zero ``z / (1 + z)``."""
    with np.errstate(all="ignore"):
        z = exponential(-np.abs(x))
        return np.asarray(np.where(x < _ZERO, z, _ONE) / (_ONE + z))


def tanh(x: np.ndarray) -> np.ndarray:
    """``x + x^3 * P(x^2)`` where ``x^2 < 0.4``, else ``1 - 2 / (exp(2 |x|) + 1)`` with the sign of ``x``."""
    with np.errstate(all="ignore"):
        magnitude, square = np.abs(x), x * x
        near = fma(x * square, _polynomial(_TANH, square), x)
        far = _ONE - _TWO / (exponential(magnitude + magnitude) + _ONE)
        return np.asarray(np.where(square < f32(0.4), near, np.where(x < _ZERO, -far, far)))


def erf(x: np.ndarray) -> np.ndarray:
    """``x * P(x^2)`` below 1, ``1 - exp(-Q(|x|))`` up to 4, then 1, with the sign of ``x``."""
    with np.errstate(all="ignore"):
        magnitude = np.abs(x)
        near = x * _polynomial(_ERF_NEAR, x * x)
        bounded = np.where(magnitude < f32(4), magnitude, f32(4))
        far = _ONE - exponential(-_polynomial(_ERF_FAR, bounded))
        return np.asarray(np.where(magnitude < _ONE, near, np.where(x < _ZERO, -far, far)))


def _quadrant(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``n``, ``x * 2 / pi`` rounded to an integer, and ``x - n * pi / 2`` in three fused steps."""
    n = _magic_round(x * _TWO_OVER_PI)
    r = fma(n, _HALF_PI[0], x)
    r = fma(n, _HALF_PI[1], r)
    r = fma(n, _HALF_PI[2], r)
    # beyond, there is no telling the angle
    far = ~(np.abs(n) < _INTEGERS)
    return np.where(far, _ZERO, n).astype(np.int32), np.where(far, _ZERO, r)


def _wave(x: np.ndarray, quarter: int) -> np.ndarray:
    with np.errstate(all="ignore"):
        n, r = _quadrant(x)
        n = n + np.int32(quarter)
        square = r * r
        sine = fma(r * square, _polynomial(_SIN, square), r)
        cosine = fma(square * square, _polynomial(_COS, square), fma(square, f32(-0.5), _ONE))
        y = np.where(n & 1, cosine, sine)
        return np.asarray(np.where(n & 2, -y, y))


def sine(x: np.ndarray) -> np.ndarray:
    """sin(x), for angles up to some 10^4: polynomials of what is left of ``x`` beside multiples of pi / 2."""
    return _wave(x, 0)


def cosine(x: np.ndarray) -> np.ndarray:
    """cos(x), as ``sine`` a quarter of a circle on."""
    return _wave(x, 1)


def arctangent(x: np.ndarray) -> np.ndarray:
    """atan(x): ``|x|`` above tan(67.5 degrees) becomes ``-1 / |x|``, above tan(22.5 degrees)
    ``(|x| - 1) / (|x| + 1)``, with the angle that this leaves out added.
    """
    with np.errstate(all="ignore"):
        magnitude = np.abs(x)
        steep, middle = magnitude > _TAN_67_5, magnitude > _TAN_22_5
        base = np.where(steep, f32(1.5707963705062866), np.where(middle, f32(0.78539818525314331), _ZERO))
        t = np.where(middle, (magnitude - _ONE) / (magnitude + _ONE), magnitude)
        t = np.where(steep, -_ONE / magnitude, t)
        square = t * t
        y = base + fma(t * square, _polynomial(_ATAN, square), t)
        return np.asarray(np.where(x < _ZERO, -y, y))


def power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """``exp(y * ln |x|)``, negative for negative ``x`` and odd ``y``; 1 for ``y`` 0, undefined for negative ``x`` and
    ``y`` that is no integer.
    """
    with np.errstate(all="ignore"):
        magnitude = exponential(y * logarithm(np.abs(x)))
        whole = rounded(y) == y
        half = y * f32(0.5)
        odd = whole & (rounded(half) != half)
        result = np.where(odd, -magnitude, np.where(whole, magnitude, _UNDEFINED))
        result = np.where(x < _ZERO, result, magnitude)
        return np.asarray(np.where((y == _ZERO) | (x == _ONE), _ONE, result))


def _magic_round(x: np.ndarray) -> np.ndarray:
    """Rounded half to even, by adding 2^23 to the magnitude; what is as large is an integer already."""
    with np.errstate(all="ignore"):
        magnitude = np.abs(x)
        y = (magnitude + _INTEGERS) - _INTEGERS
        return np.where(magnitude < _INTEGERS, np.where(x < _ZERO, -y, y), x)


def rounded(x: np.ndarray) -> np.ndarray:
    """To an integer, half to even."""
    return np.asarray(_magic_round(x))


def floor(x: np.ndarray) -> np.ndarray:
    """The integer nearest to ``x``, minus one where that is above ``x``."""
    with np.errstate(all="ignore"):
        y = _magic_round(x)
        return np.asarray(np.where(y > x, y - _ONE, y))


def ceiling(x: np.ndarray) -> np.ndarray:
    """The integer nearest to ``x``, plus one where that is below ``x``."""
    with np.errstate(all="ignore"):
        y = _magic_round(x)
        return np.asarray(np.where(y < x, y + _ONE, y))


def truncated(x: np.ndarray) -> np.ndarray:
    """``floor``, below zero ``ceiling``."""
    return np.asarray(np.where(x < _ZERO, ceiling(x), floor(x)))


def square_root(x: np.ndarray) -> np.ndarray:
    """Rounded half to even, as IEEE 754 has it."""
    with np.errstate(all="ignore"):
        return np.asarray(np.sqrt(x))
