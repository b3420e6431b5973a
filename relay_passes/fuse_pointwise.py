"""Chains of functions of float32, element by element, become one Pointwise each: no map of float32 lies between them.

An operator takes in what makes its operands where nothing else reads that: arithmetic, clamps and other expressions
of the result's shape, and any dequantisation and short arithmetic on one, which are computed again for every reader.
Behind it a quantisation takes in what it quantises, and a sum or mean of float32 what it sums. A function of one byte
that this leaves becomes a table, or one for each channel; one of a sum of integers goes into the operator that sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np

from tinyseg_tvm.operators import (
    ChannelLookup,
    Clip,
    Dequantize,
    Elementwise,
    ElementwiseConstant,
    Lookup,
    Operator,
    Pointwise,
    Quantize,
    Reduce,
)
from tinyseg_tvm.operators.arithmetic import expressions, float32, onnx
from tinyseg_tvm.operators.arithmetic.onnx import SUMS_AS_THEY_ARE
from tinyseg_tvm.operators.base import ARITHMETIC
from tinyseg_tvm.relay_passes.binary_expressions import write_float
from tinyseg_tvm.relay_passes.copies_of_bytes import copy_bytes
from tinyseg_tvm.relay_passes.expression_writer import ExpressionWriter, Ref
from tinyseg_tvm.relay_passes.expressions import Expr, dtype_of, is_variable, shape_of
from tinyseg_tvm.relay_passes.float_operands import emit_operator
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall, operator_call
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass

MOST_INSTRUCTIONS = 64
MOST_AGAIN = 6  # instructions that are computed again for each reader, so that no map of float32 is kept for several
SHORT = frozenset(("add", "sub", "mul", "neg", "abs", "max", "min", "dequantize"))
MOST_ACTIVATIONS = 6
MOST_TABLE_BYTES = 1 << 14  # of flash; with more channels a function is computed


def fuse(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """An operator with what makes its operands."""
    call = operator_call(value)
    if call is not None and isinstance(call.operator, Reduce):
        return _fuse_sum(rewrite, call, name)
    if call is None or not _is_pointwise(call):
        return None if call is None else copy_bytes(rewrite, call, name)
    names = {name}
    taken = _taken(rewrite, call, names, shape_of(value))
    writer = ExpressionWriter()
    _write(writer, call, taken, len(shape_of(value)))
    if len(writer.instructions) > MOST_INSTRUCTIONS or len(writer.activations) > MOST_ACTIVATIONS:
        return None
    made = _in_sum(rewrite, writer, value, name, names)
    if made is None and taken:
        operator, constants = _tabulated(writer, value) or (
            Pointwise(writer.text, dtype_of(value)),
            writer.named_constants,
        )
        made = emit_operator(rewrite, operator, writer.activations, constants, name=name)
    if made is not None:
        rewrite.memory[made] = frozenset(names)
    return made


def _is_pointwise(call: OperatorCall) -> bool:
    operator = call.operator
    if isinstance(operator, (Elementwise, ElementwiseConstant)):
        return isinstance(operator.arithmetic, float32.Binary)
    if isinstance(operator, Pointwise):
        return not operator.summed
    return isinstance(operator, (Clip, Quantize, Dequantize))


def _fuse_sum(rewrite: Rewrite, call: OperatorCall, name: str) -> Expr | None:
    """A sum or mean of float32 with the expression that it sums."""
    operator, operand = cast(Reduce, call.operator), call.activations[0]
    by_float32 = isinstance(operator.arithmetic, float32.Reduction) and operator.function in ("sum", "mean")
    if not by_float32 or operator.groups or not _joins(rewrite, operand, {name}, shape_of(operand)):
        return None
    summed = operator_call(rewrite.producer(operand))
    assert summed is not None
    names = {name, rewrite.name(operand), *rewrite.memory.get(operand, ())}
    shape = shape_of(operand)
    writer = ExpressionWriter()
    _write(writer, summed, _taken(rewrite, summed, names, shape), len(shape))
    if len(writer.instructions) > MOST_INSTRUCTIONS or len(writer.activations) > MOST_ACTIVATIONS:
        return None
    sums = Pointwise(writer.text, "float32", operator.axes)
    mean = operator.function == "mean"
    own_name = f"{name}_sum" if mean else name
    made = emit_operator(rewrite, sums, writer.activations, writer.named_constants, name=own_name)
    if made is None:
        return None
    rewrite.memory[made] = frozenset(names)
    if not mean:
        return made
    divisor = ExpressionWriter()
    divisor("div", divisor.activation(made), float(np.prod([shape[axis] for axis in operator.axes])))
    result = emit_operator(rewrite, Pointwise(divisor.text, "float32"), [made], {}, name=name)
    if result is not None:
        rewrite.memory[result] = frozenset({*names, own_name})
    return result


def _taken(rewrite: Rewrite, call: OperatorCall, names: set[str], shape: tuple[int, ...]) -> dict[Expr, OperatorCall]:
    """The variables whose makers the operator takes in, in any order; ``names`` get those of the old bindings."""
    taken: dict[Expr, OperatorCall] = {}
    while True:
        operands = [each for held in (call, *taken.values()) for each in held.activations]
        more = [each for each in operands if each not in taken and _joins(rewrite, each, names, shape)]
        if not more:
            return taken
        for each in more:
            found = operator_call(rewrite.producer(each))
            assert found is not None
            taken[each] = found
            names.update((rewrite.name(each), *rewrite.memory.get(each, ())))


def _joins(rewrite: Rewrite, operand: Expr, names: set[str], shape: tuple[int, ...]) -> bool:
    made = operator_call(rewrite.producer(operand)) if is_variable(operand) else None
    if made is None or not _is_pointwise(made) or dtype_of(operand) not in ("float32", "bool"):
        return False
    if isinstance(made.operator, Dequantize) or (shape_of(operand) == shape and _is_short(made, shape)):
        return True
    return _only_read_here(rewrite, operand, names) and shape_of(operand) == shape


def _is_short(call: OperatorCall, shape: tuple[int, ...]) -> bool:
    """Of integers and of smaller tensors, and as soon computed again as read."""
    maps = (each for each in call.activations if shape_of(each) == shape)
    if not isinstance(call.operator, Pointwise) or any(dtype_of(each) == "float32" for each in maps):
        return False
    instructions = expressions.instructions_of(call.operator.expression)
    return len(instructions) <= MOST_AGAIN and all(each.function in SHORT for each in instructions)


def _only_read_here(rewrite: Rewrite, operand: Expr, names: set[str]) -> bool:
    return all(reader is not None and reader.name in names for reader in rewrite.readers(operand))


def _write(writer: ExpressionWriter, call: OperatorCall, taken: Mapping[Expr, OperatorCall], rank: int) -> Ref:
    made: dict[Expr, Ref] = {}

    def ref(operand: Expr) -> Ref:
        if operand not in made:
            inner = taken.get(operand)
            result = writer.activation(operand) if inner is None else included(inner)
            if inner is not None and dtype_of(operand) == "bool":
                result = writer("not_equal", result, 0)
            made[operand] = result
        return made[operand]

    def included(held: OperatorCall) -> Ref:
        return _FORMS[type(held.operator)](writer, held, [ref(each) for each in held.activations], rank)

    return included(call)


def _pointwise(writer: ExpressionWriter, call: OperatorCall, x: list[Ref], rank: int) -> Ref:
    operands = {f"x{number}": each for number, each in enumerate(x)}
    operands |= {name: writer.constant(array, rank) for name, array in call.constants.items()}
    return writer.included(cast(Pointwise, call.operator).expression, operands)


def _elementwise(writer: ExpressionWriter, call: OperatorCall, x: list[Ref], rank: int) -> Ref:
    operator = cast(Elementwise | ElementwiseConstant, call.operator)
    operands = list(x)
    if isinstance(operator, ElementwiseConstant):
        operands.insert(0 if operator.constant_is_lhs else 1, writer.constant(call.constants["other"], rank))
    return write_float(writer, operator, *operands)


def _clip(writer: ExpressionWriter, call: OperatorCall, x: list[Ref], _rank: int) -> Ref:
    operator = cast(Clip, call.operator)
    return writer.clamped(x[0], operator.low, operator.high)


def _conversion(writer: ExpressionWriter, call: OperatorCall, x: list[Ref], _rank: int) -> Ref:
    operator = cast(Quantize | Dequantize, call.operator)
    return writer(operator.kind, x[0], operator.scale, str(operator.zero_point))


_FORMS: dict[type[Operator], Callable[[ExpressionWriter, OperatorCall, list[Ref], int], Ref]] = {
    Pointwise: _pointwise,
    Elementwise: _elementwise,
    ElementwiseConstant: _elementwise,
    Clip: _clip,
    Quantize: _conversion,
    Dequantize: _conversion,
}


def _tabulated(writer: ExpressionWriter, value: Expr) -> tuple[Operator, dict[str, np.ndarray]] | None:
    """A table, or one for each channel, where the expression is a function of one byte to one byte."""
    source, dtype = dtype_of(writer.activations[0]), dtype_of(value)
    if len(writer.activations) != 1 or {source, dtype} - {"int8", "uint8"}:
        return None
    codes = np.arange(256, dtype=np.uint8).view(source)
    if not writer.constants:
        return Lookup(dtype), {"table": expressions.evaluate(writer.text, [codes], [], dtype)}
    channels = shape_of(value)[-1]
    per_channel = [array.reshape(-1, 1) for array in writer.constants if array.size == array.shape[-1] == channels]
    alike = shape_of(writer.activations[0]) == shape_of(value)
    if not alike or len(per_channel) < len(writer.constants) or 256 * channels > MOST_TABLE_BYTES:
        return None
    tables = np.broadcast_to(expressions.evaluate(writer.text, [codes], per_channel, dtype), (channels, 256))
    return ChannelLookup(dtype), {"tables": np.ascontiguousarray(tables)}


def _in_sum(rewrite: Rewrite, writer: ExpressionWriter, value: Expr, name: str, names: set[str]) -> Expr | None:
    """The sum of integers that makes the only operand, going on with the expression: where nothing else reads it."""
    if len(writer.activations) != 1 or dtype_of(value) not in ("float32", "int8", "uint8"):
        return None
    operand = writer.activations[0]
    source = operator_call(rewrite.producer(operand)) if is_variable(operand) else None
    arithmetic = None if source is None else getattr(source.operator, ARITHMETIC, None)
    if source is None or not isinstance(arithmetic, onnx.ExpressedSum) or dtype_of(operand) != "float32":
        return None
    inner = [source.constants[constant] for constant in arithmetic.expression_constants]
    per_channel = all(array.size == array.shape[-1] for array in writer.constants)
    if not per_channel or not _only_read_here(rewrite, operand, names) or shape_of(operand) != shape_of(value):
        return None
    sums = ExpressionWriter()
    result = sums.activation(operand)
    if arithmetic.expression != SUMS_AS_THEY_ARE:
        held = {f"c{number}": sums.constant(array, 1) for number, array in enumerate(inner)}
        result = sums.included(arithmetic.expression, {"x0": result, **held})
    outer = {f"c{number}": sums.constant(array.reshape(-1), 1) for number, array in enumerate(writer.constants)}
    sums.included(writer.text, {"x0": result, **outer})
    expressed = replace(arithmetic, expression=sums.text, output_dtype=dtype_of(value))
    operator = replace(cast(Any, source.operator), arithmetic=expressed)
    kept = {constant: source.constants[constant] for constant in ("weight", "bias", "multiplier")}
    constants = {**kept, **sums.named_constants}
    return emit_operator(rewrite, operator, source.activations, constants, name=name)


fuse_pointwise = main_pass("fuse_pointwise", fuse)
"""Gathers functions of float32."""
