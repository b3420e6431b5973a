"""Rules for functions of one quantised value: tables of all 256 codes, made as the reference kernels compute."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyseg_tvm.operators import Clip, Lookup
from tinyseg_tvm.operators.arithmetic.tflite_functions import (
    divided_by_power,
    lookup_table,
    multiplied,
    quantize_multiplier,
    round_half_away,
    squashing_table,
)
from tinyseg_tvm.relay_passes.expressions import Expr
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.tflite.calls import (
    INT8_MAX,
    INT8_MIN,
    UINT8_SHIFT,
    Lower,
    TfliteCall,
    UnsupportedError,
    activation_range,
)

CODES = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)
"""Every code of int8, in the order of tables."""


def table(found: TfliteCall, codes: np.ndarray) -> Expr:
    """The operand through a table of results."""
    stored = np.clip(codes, INT8_MIN, INT8_MAX).astype(np.int8)
    return found.emit(Lookup("int8"), [found.operand().expression], {"table": stored})


def clamped(found: TfliteCall, value: Expr, low: int, high: int) -> Expr:
    """Codes between two others."""
    if found.result.dtype == "int16":
        return found.emit(Clip(low, high), [value])
    return found.emit(Lookup("int8"), [value], {"table": np.clip(CODES, low, high).astype(np.int8)})


def _quantizations(found: TfliteCall) -> tuple[Quantization, Quantization]:
    found.expect_types("int8", "uint8")
    return found.operand().quantization, found.result.quantization


def _of_float(function: Callable[[np.ndarray], np.ndarray]) -> Lower:
    """Tables of a function in float32."""

    def lower(found: TfliteCall) -> Expr:
        before, after = _quantizations(found)
        unsigned = found.operand().described.dtype == "uint8"
        shift = UINT8_SHIFT if unsigned else 0
        made = lookup_table(
            function,
            (before.scale, before.zero_point + shift),
            (after.scale, after.zero_point + shift),
            "uint8" if unsigned else "int8",
        ).astype(np.int64)
        return table(found, np.roll(made, UINT8_SHIFT) - UINT8_SHIFT if unsigned else made)

    return lower


def _squashing(function: str, of_uint8: Lower) -> Lower:
    """The rule for "logistic" or "tanh"; of int8 the result's quantisation is given."""

    def lower(found: TfliteCall) -> Expr:
        if found.operand().described.dtype == "uint8":
            return of_uint8(found)
        before, after = _quantizations(found)
        scale, zero_point = (1 / 256, INT8_MIN) if function == "logistic" else (1 / 128, 0)
        if np.float32(after.scale) != np.float32(scale) or after.zero_point != zero_point:
            raise UnsupportedError(f"its result is quantised by {after.scale:g} and not by {scale:g} from {zero_point}")
        return table(found, squashing_table(function, before.scale, before.zero_point).astype(np.int64))

    return lower


def _rescaled(found: TfliteCall) -> tuple[np.ndarray, Quantization]:
    """``x - z_x`` multiplied by ``float32(s_x / s_y)``, for every code; and the result's quantisation."""
    before, after = _quantizations(found)
    pair = quantize_multiplier(np.float64(np.float32(before.scale) / np.float32(after.scale)))
    return multiplied(CODES - before.zero_point, *pair), after


def _relu(activation: str) -> Lower:
    def lower(found: TfliteCall) -> Expr:
        codes, after = _rescaled(found)
        low, high = activation_range(activation, after)
        return table(found, np.clip(codes + after.zero_point, low, high))

    return lower


def _relu_0_to_1(found: TfliteCall) -> Expr:
    codes, after = _rescaled(found)
    low, high = (after.zero_point + int(round_half_away(np.float32(real) / np.float32(after.scale))) for real in (0, 1))
    return table(found, np.clip(codes + after.zero_point, max(low, INT8_MIN), min(high, INT8_MAX)))


def leaky_relu(found: TfliteCall) -> Expr:
    """Two multipliers: of the values above and below the zero point."""
    before, after = _quantizations(found)
    alpha = np.float32(found.option_float("alpha"))
    x, y = np.float32(before.scale), np.float32(after.scale)
    values = CODES - before.zero_point
    above = multiplied(values, *quantize_multiplier(np.float64(x / y)))
    slope = np.float64(np.float32(np.float32(x * alpha) / y))
    below = np.sign(slope) * multiplied(values, *quantize_multiplier(abs(slope)))
    return table(found, np.where(values >= 0, above, below.astype(np.int64)) + after.zero_point)


def absolute(found: TfliteCall) -> Expr:
    """The magnitude, rescaled where the scales differ."""
    before, after = _quantizations(found)
    values = np.abs(CODES - before.zero_point)
    if np.float32(before.scale) != np.float32(after.scale):
        values = multiplied(
            values, *quantize_multiplier(np.float64(np.float32(before.scale) / np.float32(after.scale)))
        )
    return table(found, values + after.zero_point)


def requantized(found: TfliteCall) -> Expr:
    """QUANTIZE of one byte to another."""
    before, after = _quantizations(found)
    pair = quantize_multiplier(np.float64(np.float32(before.scale)) / np.float64(np.float32(after.scale)))
    return table(found, multiplied(CODES - before.zero_point, *pair) + after.zero_point)


def hard_swish(found: TfliteCall) -> Expr:
    """In 16 bits."""
    before, after = _quantizations(found)
    half = np.float32(np.float32(before.scale) / np.float32(128))
    output, output_shift = _narrow(np.float64(np.float32(half / np.float32(after.scale))))
    inner, inner_shift = _narrow(np.float64(np.float32(half / np.float32(3 / 32768))))
    values = (CODES - before.zero_point) << 7
    product = _high_product_16(values, output)
    relative = values
    if inner_shift > 0:
        relative = _saturated_16(relative << (inner_shift - 1))
    relative = _high_product_16(relative, inner)
    if inner_shift > 0:
        relative = _saturated_16(relative << 1)
    elif inner_shift < 0:
        relative = divided_by_power(relative, -inner_shift)
    relative = (relative + (1 << 15)) >> 1
    gated = relative * product
    quotient = np.where(gated < 0, -((-gated) >> 15), gated >> 15)
    if output_shift > 0:
        raise UnsupportedError("its result's scale is too small against its operand's")
    return table(found, divided_by_power(quotient, -output_shift) + after.zero_point)


def _narrow(real: float) -> tuple[int, int]:
    multiplier, shift = quantize_multiplier(real)
    wide = int(multiplier)
    return (0x7FFF if wide >= 0x7FFF8000 else (wide + (1 << 15)) >> 16), int(shift)


def _saturated_16(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(values, -(1 << 15), (1 << 15) - 1))


def _high_product_16(a: np.ndarray, b: int) -> np.ndarray:
    """``SaturatingRoundingDoublingHighMul`` of int16: ties away from zero by gemmlowp's nudge."""
    product = a * b
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return _saturated_16(np.where(nudged < 0, -((-nudged) >> 15), nudged >> 15))


def _logistic(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-values.astype(np.float64))), np.float32)


def _elu(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(values < 0, np.expm1(values.astype(np.float64)), values), np.float32)


def _gelu(found: TfliteCall) -> Expr:
    from math import erf

    def exact(values: np.ndarray) -> np.ndarray:
        gate = np.array([1 + erf(value / np.sqrt(2.0)) for value in values.astype(np.float64)])
        return np.asarray(0.5 * values.astype(np.float64) * gate, np.float32)

    def approximate(values: np.ndarray) -> np.ndarray:
        x = values.astype(np.float64)
        return np.asarray(0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), np.float32)

    return _of_float(approximate if found.option("approximate") else exact)(found)


RULES: dict[str, Lower] = {
    "LOGISTIC": _squashing("logistic", _of_float(_logistic)),
    "TANH": _squashing("tanh", _of_float(lambda values: np.tanh(values.astype(np.float64)).astype(np.float32))),
    "EXP": _of_float(lambda values: np.exp(values.astype(np.float64)).astype(np.float32)),
    "ELU": _of_float(_elu),
    "GELU": _gelu,
    "HARD_SWISH": hard_swish,
    "LEAKY_RELU": leaky_relu,
    "RELU": _relu("RELU"),
    "RELU6": _relu("RELU6"),
    "RELU_N1_TO_1": _relu("RELU_N1_TO_1"),
    "RELU_0_TO_1": _relu_0_to_1,
    "ABS": absolute,
}
