"""Layers that compute value by value, or along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.tflite_networks.growing import ACTIVATIONS, Impossible, Network, Value


def binary(n: Network, x: Value) -> Value:
    """ADD, SUB, MUL or SQUARED_DIFFERENCE of two activations, or of one and a constant; either may be broadcast.

    The products of int16 differ between interpreters.
    """
    kinds = ["ADD", "ADD", "SUB"] + (["MUL", "SQUARED_DIFFERENCE"] if n.dtype == "int8" else [])
    kind = n.one_of(*kinds)
    other = _other(n, x)
    operands = [x, other] if n.maybe(0.6) else [other, x]
    shape = np.broadcast_shapes(x.shape, other.shape)
    largest = max(n.spread(x), n.spread(other))
    spread = {"MUL": n.spread(x) * n.spread(other), "SQUARED_DIFFERENCE": largest**2}.get(kind, 1.4 * largest)
    options: dict[str, Any] = {}
    if kind != "SQUARED_DIFFERENCE":
        options["fused_activation_function"] = n.one_of(*ACTIVATIONS)
    if kind in ("ADD", "SUB"):
        options["pot_scale_int16"] = 0
    return n.add(kind, operands, shape, n.scale(spread), n.zero_point(), **options)


def _other(n: Network, x: Value) -> Value:
    """An activation that broadcasts with x, or a constant."""
    fitting = [each for each in n.values if each.dtype == x.dtype and _broadcasts(each.shape, x.shape)]
    if fitting and n.maybe(0.6):
        return fitting[-1 - n.between(0, min(3, len(fitting) - 1))]
    shape = n.one_of((), (1,), x.shape[-1:], x.shape, (1,) * len(x.shape))
    return _constant(n, shape, n.scale(n.spread(x)), n.zero_point())


def _constant(n: Network, shape: tuple[int, ...], scale: float, zero_point: int) -> Value:
    index = n.file.tensor(shape, n.dtype, scale, zero_point, n.codes(shape))
    return Value(index, tuple(shape), n.dtype, scale, zero_point)


def _broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    try:
        return len(np.broadcast_shapes(a, b)) <= 4
    except ValueError:
        return False


def choice(n: Network, x: Value) -> Value:
    """MAXIMUM or MINIMUM of operands that are quantised alike."""
    shape = n.one_of((1,), x.shape[-1:], x.shape)
    other = _constant(n, shape, x.scale, x.zero_point)
    alike = [v for v in n.values if (v.scale, v.zero_point, v.dtype) == (x.scale, x.zero_point, x.dtype)]
    alike = [v for v in alike if _broadcasts(v.shape, x.shape)]
    if n.maybe(0.5) and alike:
        other = n.one_of(*alike)
    return n.like(n.one_of("MAXIMUM", "MINIMUM"), [x, other], np.broadcast_shapes(x.shape, other.shape), x)


def prelu(n: Network, x: Value) -> Value:
    """With a slope per channel."""
    if n.dtype != "int8":
        raise Impossible("PRELU is of int8")
    shape = (*(1,) * (len(x.shape) - 2), x.shape[-1])
    slope = _constant(n, shape, 0.01, n.between(-20, 20))
    return n.add("PRELU", [x, slope], x.shape, n.scale(n.spread(x)), n.zero_point())


def function(n: Network, x: Value) -> Value:
    """A function of one value."""
    kinds = ["LOGISTIC", "TANH", "LEAKY_RELU", "RELU"]
    kinds += ["HARD_SWISH", "ELU", "RELU6", "ABS"] if n.dtype == "int8" else []
    kind = n.one_of(*kinds)
    if kind == "LOGISTIC":
        fixed = (1 / 256, -128) if n.dtype == "int8" else (1 / 32768, 0)
        return n.add(kind, [x], x.shape, *fixed)
    if kind == "TANH":
        return n.add(kind, [x], x.shape, 1 / 128 if n.dtype == "int8" else 1 / 32768, 0)
    if kind == "RELU6":  # the interpreter for microcontrollers does not rescale there
        return n.like(kind, [x], x.shape, x)
    options = {"alpha": n.one_of(0.01, 0.1, 0.3, 0.5, 1.5)} if kind == "LEAKY_RELU" else {}
    return n.add(kind, [x], x.shape, n.scale(n.spread(x)), n.zero_point(), **options)


def quantize(n: Network, x: Value) -> Value:
    """To another quantisation of the same type."""
    return n.add("QUANTIZE", [x], x.shape, n.scale(n.spread(x)), n.zero_point())


def through_float(n: Network, x: Value) -> Value:
    """DEQUANTIZE and QUANTIZE."""
    real = n.add("DEQUANTIZE", [x], x.shape, 0.0, 0, dtype="float32")
    return n.add("QUANTIZE", [real], x.shape, n.scale(n.spread(x)), n.zero_point())


def shares(n: Network, x: Value) -> Value:
    """SOFTMAX, LOG_SOFTMAX or L2_NORMALIZATION along the last axis."""
    if n.dtype != "int8":
        raise Impossible("the tables of int16 differ between interpreters")
    kind = n.one_of("SOFTMAX", "SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION")
    fixed = {"SOFTMAX": (1 / 256, -128), "LOG_SOFTMAX": (1 / 16, 127), "L2_NORMALIZATION": (1 / 128, 0)}[kind]
    options: dict[str, Any] = {"SOFTMAX": {"beta": n.one_of(1.0, 1.0, 0.5, 2.0)}, "LOG_SOFTMAX": {}}.get(
        kind, {"fused_activation_function": "NONE"}
    )
    return n.add(kind, [x], x.shape, *fixed, **options)


def selection(n: Network, x: Value) -> Value:
    """SELECT_V2 between operands that are quantised alike, by a comparison."""
    if n.dtype != "int8":
        raise Impossible("comparisons are of int8")
    other = _constant(n, n.one_of((1,), x.shape[-1:], x.shape), n.scale(n.spread(x)), n.zero_point())
    kind = n.one_of("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
    chosen = n.add(kind, [x, other], x.shape, 0.0, 0, dtype="bool")
    alike = [
        v for v in n.values if (v.shape, v.scale, v.zero_point, v.dtype) == (x.shape, x.scale, x.zero_point, x.dtype)
    ]
    return n.like("SELECT_V2", [chosen, n.one_of(*alike), _constant(n, x.shape, x.scale, x.zero_point)], x.shape, x)


def extreme(n: Network, x: Value) -> Value:
    """ARG_MAX or ARG_MIN: no layer goes on from there."""
    if n.dtype != "int8":
        raise Impossible("ARG_MAX is of int8")
    axis = n.between(0, len(x.shape) - 1)
    shape = [extent for other, extent in enumerate(x.shape) if other != axis]
    kind = n.one_of("ARG_MAX", "ARG_MIN")
    return n.add(kind, [x, n.constant([axis])], shape, 0.0, 0, dtype="int32", output_type=2)
