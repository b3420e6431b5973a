"""Rules for functions of float32, for what leads to float32 and from it, and for choices between codes: expressions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tvm import relax

from tinyseg_tvm.operators import Pointwise
from tinyseg_tvm.operators.arithmetic.float32 import FLOAT32_MAX
from tinyseg_tvm.relay_passes.expression_writer import ExpressionWriter, Ref
from tinyseg_tvm.relay_passes.expressions import Expr
from tinyseg_tvm.relay_passes.tflite.calls import Lower, Operand, TfliteCall, UnsupportedError
from tinyseg_tvm.relay_passes.tflite.wide_functions import CONVERTED, converted

Write = Callable[[ExpressionWriter, Sequence[Ref], TfliteCall], Ref]
"""Writes a function of operands."""


def expressed(found: TfliteCall, write: Write, operands: Sequence[Operand]) -> Expr:
    """The function on operands that broadcast, as one operator."""
    writer, rank = ExpressionWriter(), len(found.result.shape)
    refs = []
    for operand in operands:
        constant = operand.constant
        ref = writer.activation(found.padded(operand)) if constant is None else writer.constant(constant, rank)
        refs.append(ref)
    if not writer.activations:
        raise UnsupportedError("all of its operands are constant")
    result = write(writer, refs, found)
    if not writer.instructions:
        writer("identity", result)
    dtype = "int8" if found.result.dtype == "uint8" else found.result.dtype
    return found.shaped(found.emit(Pointwise(writer.text, dtype), writer.activations, writer.named_constants))


def of_float(count: int, write: Write) -> Lower:
    """The rule for a function of ``count`` operands of float32."""

    def lower(found: TfliteCall) -> Expr:
        operands = [found.operand(index) for index in range(count)]
        for described in (*(operand.described for operand in operands), found.result):
            if described.dtype not in ("float32", "bool"):
                raise UnsupportedError(f"it is of {described.dtype}; float32 is supported")
        return expressed(found, write, operands)

    return lower


def _named(function: str) -> Write:
    return lambda e, x, _found: e(function, *x)


def _clamped(low: float, high: float) -> Write:
    return lambda e, x, _found: e.clamped(x[0], low, high)


def with_activation(function: str) -> Write:
    """A function of two operands whose result a fused activation clamps."""

    def write(e: ExpressionWriter, x: Sequence[Ref], found: TfliteCall) -> Ref:
        return e.clamped(e(function, *x), *found.float_clamp())

    return write


def _leaky_relu(e: ExpressionWriter, x: Sequence[Ref], found: TfliteCall) -> Ref:
    return e("where", e("less", x[0], 0), e("mul", x[0], found.option_float("alpha")), x[0])


def _prelu(e: ExpressionWriter, x: Sequence[Ref], _found: TfliteCall) -> Ref:
    return e("where", e("less", x[0], 0), e("mul", x[0], x[1]), x[0])


def _hard_swish(e: ExpressionWriter, x: Sequence[Ref], _found: TfliteCall) -> Ref:
    return e("div", e("mul", x[0], e.clamped(e("add", x[0], 3), 0.0, 6.0)), 6)


def _elu(e: ExpressionWriter, x: Sequence[Ref], _found: TfliteCall) -> Ref:
    return e("where", e("less", x[0], 0), e("sub", e("exp", x[0]), 1), x[0])


def _gelu(e: ExpressionWriter, x: Sequence[Ref], found: TfliteCall) -> Ref:
    if found.option("approximate"):
        cube = e("mul", e("mul", x[0], x[0]), x[0])
        inner = e("mul", e("add", x[0], e("mul", cube, 0.044715)), math.sqrt(2 / math.pi))
        gate = e("tanh", inner)
    else:
        gate = e("erf", e("mul", x[0], math.sqrt(0.5)))
    return e("mul", e("mul", x[0], 0.5), e("add", gate, 1))


def _difference_squared(e: ExpressionWriter, x: Sequence[Ref], _found: TfliteCall) -> Ref:
    difference = e("sub", *x)
    return e("mul", difference, difference)


def _floor_div(e: ExpressionWriter, x: Sequence[Ref], _found: TfliteCall) -> Ref:
    return e("floor", e("div", *x))


def add_n(found: TfliteCall) -> Expr:
    """Of float32, in the order of the operands."""
    operands = [found.operand(index) for index in range(len(found.operands))]
    if any(each.dtype != "float32" for each in (*(operand.described for operand in operands), found.result)):
        raise UnsupportedError(f"it is of {found.result.dtype}; float32 is supported. Remedy: write it as ADD")

    def write(e: ExpressionWriter, x: Sequence[Ref], _found: TfliteCall) -> Ref:
        total = x[0]
        for term in x[1:]:
            total = e("add", total, term)
        return total

    return expressed(found, write, operands)


def select_v1(found: TfliteCall) -> Expr:
    """SELECT, whose condition may be a truth for each index of the first axis."""
    condition, chosen = found.operand(0), found.operand(1)
    if condition.shape != chosen.shape and len(condition.shape) == 1 and len(chosen.shape) > 1:
        raise UnsupportedError("its condition has a value per index of the first axis. Remedy: write it as SELECT_V2")
    return select(found)


def _reciprocal_root(e: ExpressionWriter, x: Sequence[Ref], _found: TfliteCall) -> Ref:
    return e("div", "1.0", e("sqrt", x[0]))


def _half_away(e: ExpressionWriter, value: Ref) -> Ref:
    """The value rounded, ties away from zero; what it is made of is exact."""
    size = e("abs", value)
    floor = e("trunc", size)
    rounded = e("add", floor, e("less_equal", "0.5", e("sub", size, floor)))
    return e("where", e("less", value, 0), e("neg", rounded), rounded)


def quantize(found: TfliteCall) -> Expr:
    """Of float32 to codes: ties are rounded away from zero, where ONNX rounds them to even."""
    after = found.result.quantization
    if found.result.dtype not in ("int8", "uint8", "int16"):
        raise UnsupportedError(f"quantising to {found.result.dtype} is not supported; int8, uint8 and int16 are")

    def write(e: ExpressionWriter, x: Sequence[Ref], _found: TfliteCall) -> Ref:
        return e("quantize", _half_away(e, e("div", x[0], after.scale)), "1.0", str(after.zero_point))

    return expressed(found, write, [found.operand()])


def select(found: TfliteCall) -> Expr:
    """SELECT_V2 of float32, or of codes that are quantised alike."""
    operands = [found.operand(index) for index in range(3)]

    def write(e: ExpressionWriter, x: Sequence[Ref], _found: TfliteCall) -> Ref:
        chosen = e("where", *x)
        return chosen if found.result.dtype == "float32" else e("quantize", chosen, "1.0", "0")

    if found.result.dtype not in ("float32", "int8", "uint8", "int16"):
        raise UnsupportedError(f"it is of {found.result.dtype}; float32, int8, uint8 and int16 are supported")
    if found.result.dtype != "float32" and any(each.quantization != found.result.quantization for each in operands[1:]):
        raise UnsupportedError("its operands and result are quantised differently")
    return expressed(found, write, operands)


def cast(found: TfliteCall) -> Expr:
    """To float32, and from it to int8, int32 and int64 by truncation; integers to others by their lower bits."""
    source = found.operand()
    types = (source.described.dtype, found.result.dtype)
    if types[0] != types[1] and all(each in CONVERTED for each in types):
        return converted(found)
    if source.described.dtype == "uint8" and found.result.dtype != "uint8":
        return expressed(found, lambda e, x, _: _converted(e, e("add", x[0], 128), found), [source])
    if types[0] == "float32" and types[1] in ("int32", "int64"):
        return found.moved(relax.op.astype(source.expression, types[1]))
    if types[0] not in ("float32", "int8", "int16", "int32", "bool"):
        raise UnsupportedError(f"a conversion from {types[0]} to {types[1]} is not supported")
    return expressed(found, lambda e, x, _: _converted(e, x[0], found), [source])


def _converted(e: ExpressionWriter, value: Ref, found: TfliteCall) -> Ref:
    if found.result.dtype == "float32":
        return value
    if found.result.dtype != "int8" or found.operand().described.dtype != "float32":
        raise UnsupportedError(f"a conversion to {found.result.dtype} is not supported")
    return e("quantize", e("trunc", value), "1.0", "0")


FLOAT_RULES: dict[str, Lower] = {
    "LOGISTIC": of_float(1, _named("sigmoid")),
    "TANH": of_float(1, _named("tanh")),
    "EXP": of_float(1, _named("exp")),
    "LOG": of_float(1, _named("log")),
    "SQRT": of_float(1, _named("sqrt")),
    "SIN": of_float(1, _named("sin")),
    "COS": of_float(1, _named("cos")),
    "ABS": of_float(1, _named("abs")),
    "NEG": of_float(1, _named("neg")),
    "FLOOR": of_float(1, _named("floor")),
    "CEIL": of_float(1, _named("ceil")),
    "ROUND": of_float(1, _named("round")),
    "SIGN": of_float(1, _named("sign")),
    "LOGICAL_NOT": of_float(1, _named("not")),
    "RSQRT": of_float(1, _reciprocal_root),
    "SQUARE": of_float(1, lambda e, x, _found: e("mul", x[0], x[0])),
    "RELU": of_float(1, _clamped(0.0, FLOAT32_MAX)),
    "RELU6": of_float(1, _clamped(0.0, 6.0)),
    "RELU_N1_TO_1": of_float(1, _clamped(-1.0, 1.0)),
    "RELU_0_TO_1": of_float(1, _clamped(0.0, 1.0)),
    "ELU": of_float(1, _elu),
    "GELU": of_float(1, _gelu),
    "HARD_SWISH": of_float(1, _hard_swish),
    "LEAKY_RELU": of_float(1, _leaky_relu),
    "PRELU": of_float(2, _prelu),
    "ADD": of_float(2, with_activation("add")),
    "SUB": of_float(2, with_activation("sub")),
    "MUL": of_float(2, with_activation("mul")),
    "DIV": of_float(2, with_activation("div")),
    "FLOOR_DIV": of_float(2, _floor_div),
    "POW": of_float(2, _named("pow")),
    "MAXIMUM": of_float(2, _named("max")),
    "MINIMUM": of_float(2, _named("min")),
    "SQUARED_DIFFERENCE": of_float(2, _difference_squared),
    "EQUAL": of_float(2, _named("equal")),
    "NOT_EQUAL": of_float(2, _named("not_equal")),
    "GREATER": of_float(2, _named("greater")),
    "GREATER_EQUAL": of_float(2, _named("greater_equal")),
    "LESS": of_float(2, _named("less")),
    "LESS_EQUAL": of_float(2, _named("less_equal")),
    "LOGICAL_AND": of_float(2, _named("and")),
    "LOGICAL_OR": of_float(2, _named("or")),
}
"""Rules where the first operand is float32 (or bool)."""

RULES: dict[str, Lower] = {"ADD_N": add_n, "CAST": cast, "SELECT": select_v1, "SELECT_V2": select}
"""Rules whatever the types are."""
