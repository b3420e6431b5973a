"""The rule for numbers that become integers of 32 or 64 bits."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from tinyseg_tvm.operators.convert import OPERAND_TYPES, OUTPUT_TYPES, Convert
from tinyseg_tvm.relay_passes.expressions import Call, Expr, array_of, dtype_of, is_call, is_constant
from tinyseg_tvm.relay_passes.float_operands import emit_operator
from tinyseg_tvm.relay_passes.operator_calls import operator_call
from tinyseg_tvm.relay_passes.rewriting import Rewrite

_MODULUS, _HALF = 1 << 32, 1 << 31


def lower_conversion(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """A conversion by line. The importer's wrapping of a float32, by way of int64, becomes one that wraps."""
    if not is_call(value, "astype") or dtype_of(value) not in OUTPUT_TYPES or is_constant(value.args[0]):
        return None
    operand = value.args[0]
    wide = _wrapped(rewrite, operand)
    source = operator_call(rewrite.producer(operand if wide is None else wide))
    if source is not None and isinstance(source.operator, Convert) and dtype_of(source.activations[0]) == "float32":
        wrapping = replace(source.operator, output_dtype=dtype_of(value), wraps=True)
        if source.operator.output_dtype == "int64" and dtype_of(value) == "int32":
            return emit_operator(rewrite, wrapping, source.activations, {}, name=name)
    if dtype_of(operand) not in OPERAND_TYPES:
        return None
    return emit_operator(rewrite, Convert(dtype_of(value), wraps=False), [operand], {}, name=name)


def _wrapped(rewrite: Rewrite, expression: Expr) -> Expr | None:
    """``x`` where the expression is ``where(r >= 2^31, r - 2^32, r)`` of ``r = x mod 2^32``, else None."""
    choice = rewrite.producing_call(expression, "where")
    if choice is None:
        return None
    condition, lower, rest = (rewrite.producer(operand) for operand in choice.args)
    if rest is None or not is_call(rest, "floor_mod") or not _is(rest, _MODULUS):
        return None
    fits = is_call(condition, "greater_equal") and is_call(lower, "subtract")
    if not fits or condition is None or lower is None or not (_is(condition, _HALF) and _is(lower, _MODULUS)):
        return None
    same = all(call.args[0].same_as(choice.args[2]) for call in (condition, lower))
    return cast(Expr, rest.args[0]) if same else None


def _is(call: Call, number: int) -> bool:
    """Whether the second operand is a number."""
    second = call.args[1]
    return is_constant(second) and array_of(second).size == 1 and int(array_of(second).flat[0]) == number
