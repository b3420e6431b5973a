"""Rules for ADD, SUB, MUL, SQUARED_DIFFERENCE, MAXIMUM, MINIMUM and PRELU of integers that broadcast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyseg_tvm.operators import Elementwise, ElementwiseConstant, Lookup
from tinyseg_tvm.operators.arithmetic import forms, tflite
from tinyseg_tvm.operators.arithmetic.tflite_functions import power_of_two
from tinyseg_tvm.operators.elementwise import full_operand
from tinyseg_tvm.relay_passes.expressions import Expr, shape_of
from tinyseg_tvm.relay_passes.operators_registration import tensor_type
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.tflite.calls import Lower, Operand, TfliteCall, UnsupportedError
from tinyseg_tvm.relay_passes.tflite.movement import repeated
from tinyseg_tvm.relay_passes.tflite.tables import CODES


def _binary(function: str, *, fused: bool) -> Lower:
    """The rule for one function; ``fused``: the operator has a fused activation."""

    def lower(found: TfliteCall) -> Expr:
        activation = found.option_name("fused_activation_function") if fused else "NONE"
        arithmetic = _arithmetic(found, function, activation)
        lhs, rhs = found.operand(0), found.operand(1)
        for operand, other, constant_is_lhs in ((lhs, rhs, False), (rhs, lhs, True)):
            if other.constant is not None:
                return _with_constant(found, ElementwiseConstant(function, constant_is_lhs, arithmetic), operand, other)
        return found.emit(Elementwise(function, arithmetic), _alike(found, (lhs, rhs)))

    return lower


def _alike(found: TfliteCall, operands: Sequence[Operand]) -> list[Expr]:
    """The operands, repeated to the result's shape where the operator does not broadcast them itself."""
    values = [found.padded(operand) for operand in operands]
    try:
        full_operand([tensor_type(value.ty) for value in values])
    except ValueError:
        return [repeated(found, value, found.result.shape) for value in values]
    return values


def _arithmetic(found: TfliteCall, function: str, activation: str) -> forms.Binary:
    found.expect_types("int8", "uint8", "int16", operands=(0, 1))
    lhs, rhs, after = found.operand(0).quantization, found.operand(1).quantization, found.result.quantization
    low, high = found.result.limits if activation == "NONE" else found.activation_range()
    if function in ("max", "min") and not lhs == rhs == after:
        raise UnsupportedError("its operands and result are quantised differently")
    return tflite.Binary(
        *(lhs.scale, lhs.zero_point, rhs.scale, rhs.zero_point, after.scale, after.zero_point, low, high),
        dtype=found.result.relax_dtype,
        exact_scales=function in ("mul", "prelu") and found.result.dtype == "int8",
        powers_of_two=found.kind in ("ADD", "SUB") and _by_powers_of_two(found, (lhs, rhs, after)),
    )


def _by_powers_of_two(found: TfliteCall, quantizations: Sequence[Quantization]) -> bool:
    """Sums of int16 with three scales that are powers of two are, where an option says so."""
    if found.result.dtype != "int16" or not found.option("pot_scale_int16"):
        return False
    return all(power_of_two(each.scale) is not None for each in quantizations)


def _with_constant(found: TfliteCall, operator: ElementwiseConstant, operand: Operand, other: Operand) -> Expr:
    """A table where the constant is one code of a byte, else a value per channel or per element."""
    constant = other.constant
    assert constant is not None
    shape = found.result.shape
    if operand.constant is not None:
        raise UnsupportedError("both of its operands are constant")
    if constant.size == 1 and found.result.dtype != "int16":
        sides = (constant.reshape(1), CODES.astype(np.int8))
        lhs, rhs = sides if operator.constant_is_lhs else sides[::-1]
        made = operator.arithmetic.results(operator.function, lhs, rhs)
        result = found.emit(Lookup("int8"), [operand.expression], {"table": np.asarray(made, np.int8)})
        return found.shaped(result)
    value = found.padded(operand)
    if shape_of(value) != shape:
        value = repeated(found, value, shape)
    wide: tuple[int, ...] = (1,) * (len(shape) - constant.ndim) + constant.shape
    per_channel = constant.size == shape[-1] == wide[-1]
    broadcast = constant.size > 1 and not per_channel
    stored = np.broadcast_to(constant.reshape(wide), shape) if broadcast else constant.reshape(-1)
    return found.emit(operator, [value], {"other": np.ascontiguousarray(stored)})


RULES: dict[str, Lower] = {
    "ADD": _binary("add", fused=True),
    "SUB": _binary("sub", fused=True),
    "MUL": _binary("mul", fused=True),
    "MAXIMUM": _binary("max", fused=False),
    "MINIMUM": _binary("min", fused=False),
    "PRELU": _binary("prelu", fused=False),
    "SQUARED_DIFFERENCE": _binary("squared_difference", fused=False),
}
