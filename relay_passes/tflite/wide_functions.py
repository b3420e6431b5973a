"""Rules for functions of one value of int16, and of or to int32, for which there is no table of all codes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyseg_tvm.operators import Unary
from tinyseg_tvm.operators.arithmetic import tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import power_of_two, quantize_multiplier, round_half_away
from tinyseg_tvm.operators.arithmetic.tflite_unary import IDENTITY
from tinyseg_tvm.relay_passes.expressions import Expr
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.tflite.calls import UINT8_SHIFT, Lower, TfliteCall, UnsupportedError, activation_range

_Pair = tuple[int, int]


def _pair(real: float | np.floating) -> _Pair:
    multiplier, shift = quantize_multiplier(np.float64(real))
    return int(multiplier), int(shift)


def _quantizations(found: TfliteCall) -> tuple[Quantization, Quantization]:
    found.expect_types("int16")
    return found.operand().quantization, found.result.quantization


def _rescaled(
    found: TfliteCall,
    above: _Pair,
    below: _Pair | None = None,
    clamp: tuple[int, int] | None = None,
    *,
    magnitude: bool = False,
    below_negated: bool = False,
) -> Expr:
    before, after = found.operand().quantization, found.result.quantization
    arithmetic = tflite.Rescaling(
        before.zero_point,
        *above,
        *(above if below is None else below),
        *(after.scale, after.zero_point),
        *(found.result.limits if clamp is None else clamp),
        found.result.relax_dtype,
        magnitude=magnitude,
        below_negated=below_negated,
        dtype=found.operand().described.relax_dtype,
    )
    return found.emit(Unary(arithmetic), [found.operand().expression])


def _quotient(found: TfliteCall) -> float:
    """Of the scales, in float32."""
    before, after = _quantizations(found)
    return float(np.float32(before.scale) / np.float32(after.scale))


def _exact_quotient(found: TfliteCall) -> float:
    """Of the float32 scales, in float64, as the kernels for microcontrollers take it."""
    before, after = found.operand().quantization, found.result.quantization
    return float(np.float64(np.float32(before.scale)) / np.float64(np.float32(after.scale)))


def requantized(found: TfliteCall) -> Expr:
    """QUANTIZE of codes to those of another type or scale."""
    for described in (found.operand().described, found.result):
        if described.dtype not in ("int8", "uint8", "int16", "int32"):
            raise UnsupportedError(f"it is of {described.dtype}; int8, uint8, int16 and int32 are supported")
    return _rescaled(found, _pair(_exact_quotient(found)))


def _relu(activation: str) -> Lower:
    def lower(found: TfliteCall) -> Expr:
        found.expect_types("int16")
        pair = _pair(_exact_quotient(found))
        clamp = activation_range(activation, found.result.quantization, found.result.limits)
        return _rescaled(found, pair, clamp=clamp)

    return lower


def _relu_0_to_1(found: TfliteCall) -> Expr:
    found.expect_types("int16")
    pair, after = _pair(_exact_quotient(found)), found.result.quantization
    ends = (after.zero_point + int(round_half_away(np.float32(real) / np.float32(after.scale))) for real in (0, 1))
    low, high = (min(max(end, found.result.limits[0]), found.result.limits[1]) for end in ends)
    return _rescaled(found, pair, clamp=(low, high))


def leaky_relu(found: TfliteCall) -> Expr:
    """Two multipliers; of a negative slope that of its magnitude, whose results are negated."""
    before, after = _quantizations(found)
    alpha = np.float32(found.option_float("alpha"))
    slope = np.float32(np.float32(np.float32(before.scale) * alpha) / np.float32(after.scale))
    return _rescaled(found, _pair(_quotient(found)), _pair(abs(slope)), below_negated=bool(slope < 0))


def absolute(found: TfliteCall) -> Expr:
    """The magnitude, rescaled where the scales differ."""
    quotient = _quotient(found)
    return _rescaled(found, IDENTITY if quotient == 1 else _pair(quotient), magnitude=True)


def complemented(found: TfliteCall, value: Expr) -> Expr:
    """Codes the other way round: the greatest for the least."""
    low, high = found.result.limits
    arithmetic = tflite.Rescaling(
        *(0, *IDENTITY, *IDENTITY, 1.0, -1, low, high, "int16"), negated=True, below_negated=True
    )
    return found.emit(Unary(arithmetic), [value])


def converted(found: TfliteCall) -> Expr:
    """CAST of integers to others: the lower bits."""
    zero_points = [-UINT8_SHIFT if each.dtype == "uint8" else 0 for each in (found.operand().described, found.result)]
    arithmetic = tflite.Rescaling(
        *(zero_points[0], *IDENTITY, *IDENTITY, 1.0, zero_points[1], *found.result.limits, found.result.relax_dtype),
        wraps=True,
        dtype=found.operand().described.relax_dtype,
    )
    return found.emit(Unary(arithmetic), [found.operand().expression])


CONVERTED = ("int8", "uint8", "int16", "int32")
"""Types that ``converted`` takes, and gives where those of operand and result differ."""


def _squashing(function: str, most_shift: int) -> Callable[[TfliteCall], Expr]:
    """``most_shift``: exponents of a scale, from 2^-12 on, that need no fraction."""

    def lower(found: TfliteCall) -> Expr:
        before, after = _quantizations(found)
        if np.float32(after.scale) != np.float32(2.0**-15):
            raise UnsupportedError(f"its result is quantised by {after.scale:g} and not by 1/32768")
        exponent = power_of_two(before.scale)
        if exponent is not None and 0 <= 12 + exponent <= most_shift:
            factor, right = 3 << (12 + exponent), 0
        else:
            real, right = float(np.float32(before.scale)) * 4096.0 * 3.0, 0
            while real <= 32767.0 / 2.0 and right <= 30:
                real, right = 2 * real, right + 1
            factor = int(real)
        return found.emit(Unary(tflite.Squashing(function, factor, right)), [found.operand().expression])

    return lower


RULES: dict[str, Lower] = {
    "QUANTIZE": requantized,
    "LOGISTIC": _squashing("logistic", 0),
    "TANH": _squashing("tanh", 1),
    "LEAKY_RELU": leaky_relu,
    "RELU": _relu("RELU"),
    "RELU6": _relu("RELU6"),
    "RELU_N1_TO_1": _relu("RELU_N1_TO_1"),
    "RELU_0_TO_1": _relu_0_to_1,
    "ABS": absolute,
}
"""Rules where operand or result is of int16 or int32."""
