"""Rule for functions of float32 that are computed element by element: each becomes a Pointwise."""

from __future__ import annotations

import numpy as np
from tvm import relax

from tinyseg_tvm.operators import Pointwise
from tinyseg_tvm.operators.pointwise import OPERAND_TYPES
from tinyseg_tvm.relay_passes.elementwise_evaluation import clip_bounds, operator_name, tensor_operands
from tinyseg_tvm.relay_passes.expression_writer import FORMS, ExpressionWriter, Ref
from tinyseg_tvm.relay_passes.expressions import (
    Call,
    Expr,
    array_of,
    dtype_of,
    has_static_shape,
    is_call,
    is_constant,
    shape_of,
)
from tinyseg_tvm.relay_passes.float_operands import emit_operator
from tinyseg_tvm.relay_passes.rewriting import Rewrite

_COMPUTED = ("float32", "bool")


def lower_pointwise(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Of activations and constants that broadcast against each other; conversions of integers to float32, too."""
    if not is_call(value, "clip", *FORMS) or not has_static_shape(value) or dtype_of(value) not in _COMPUTED:
        return None
    allowed = OPERAND_TYPES if is_call(value, "astype") else _COMPUTED
    operands = tensor_operands(value)
    if not all(has_static_shape(each) and dtype_of(each) in allowed for each in operands):
        return None
    if all(is_constant(each) for each in operands):
        return None
    writer = ExpressionWriter()
    refs = [_operand(rewrite, writer, each, index, value, name) for index, each in enumerate(operands)]
    if is_call(value, "clip"):
        low, high = clip_bounds(value)
        writer("min", writer("max", refs[0], low), high)
    elif FORMS[operator_name(value)](writer, value, refs)[0] != "t":
        return None
    operator = Pointwise(writer.text, dtype_of(value))
    made = emit_operator(rewrite, operator, writer.activations, writer.named_constants, name=name)
    return made if made is None or shape_of(made) == shape_of(value) else None


def _operand(rewrite: Rewrite, writer: ExpressionWriter, operand: Expr, index: int, value: Call, name: str) -> Ref:
    """An operand, of the rank of the result."""
    rank = len(shape_of(value))
    if is_constant(operand):
        return writer.constant(_aligned(array_of(operand), index, value), rank)
    shape = shape_of(operand)
    if len(shape) < rank:
        moved = relax.op.reshape(operand, (1,) * (rank - len(shape)) + shape)
        operand = rewrite.emit(moved, f"{name}_operand{index}", rewrite.quantization.get(operand))
    return writer.activation(operand)


def _aligned(array: np.ndarray, index: int, value: Call) -> np.ndarray:
    """A constant operand; the slopes of a PRelu lie along an axis of their own."""
    if not is_call(value, "nn.prelu") or index == 0 or array.ndim != 1 or array.size == 1:
        return array
    rank = len(shape_of(value))
    return array.reshape([-1 if axis == int(value.attrs.axis) % rank else 1 for axis in range(rank)])
