"""Rules for softmax and argmax, over any axis."""

from __future__ import annotations

import dataclasses
from typing import cast

from tvm import relax

from tinyseg_tvm.operators import ArgMax, Softmax
from tinyseg_tvm.operators.arithmetic.onnx import VALUE_TYPES
from tinyseg_tvm.relay_passes.computations import Computation, computing
from tinyseg_tvm.relay_passes.expressions import Call, Expr, dtype_of, is_call, is_constant, shape_of
from tinyseg_tvm.relay_passes.operators_registration import operator_of
from tinyseg_tvm.relay_passes.quantized_operands import (
    data_movement_above,
    emit_operator,
    move_alike,
)
from tinyseg_tvm.relay_passes.rewriting import Rewrite

_INDEX_TYPES = ("int64", "int32", "uint8")


@computing("nn.softmax")
def softmax(found: Computation) -> Expr | None:
    """Softmax; an axis other than the last is brought there."""
    activation = found.activation()
    if activation is None or not shape_of(activation):
        return None
    arithmetic, constants = found.softmax()
    order, back = _axis_last(int(found.call.attrs.axis), len(shape_of(activation)))
    if order is not None:
        activation = found.move(relax.op.permute_dims(activation, order), "nhwc")
    result = found.emit(Softmax(arithmetic), [activation], constants)
    return result if result is None or back is None else found.move(relax.op.permute_dims(result, back), "nchw")


def rewrite_argmax(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Argmax of quantised values."""
    found = is_call(value, "argmax") and dtype_of(value.args[0]) in VALUE_TYPES
    return _argmax(rewrite, value, name) if found else None


def lower_argmax(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Argmax of float32."""
    return _argmax(rewrite, value, name) if is_call(value, "argmax") and dtype_of(value.args[0]) == "float32" else None


def _argmax(rewrite: Rewrite, value: Call, name: str) -> Expr | None:
    if value.attrs.axis is None:
        return None
    if is_constant(value.args[0]) or dtype_of(value) not in _INDEX_TYPES:
        return None
    keepdims = bool(value.attrs.keepdims)
    operator = ArgMax(keepdims=keepdims, select_last_index=False, output_dtype=dtype_of(value))
    order, back = _axis_last(int(value.attrs.axis), len(shape_of(value.args[0])))
    operand = value.args[0]
    if order is not None:
        known = rewrite.quantization.get(operand)
        operand = rewrite.emit(relax.op.permute_dims(operand, order), f"{name}_nhwc", known)
    argmax = emit_operator(rewrite, operator, [operand], {}, name=name, quantization=None)
    if argmax is None or back is None or not keepdims:
        return argmax
    return rewrite.emit(relax.op.permute_dims(argmax, back), f"{name}_nchw")


def cast_of_indices(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """A cast of an argmax, data movement between them or not, is the type of its indices."""
    if not is_call(value, "astype") or dtype_of(value) not in _INDEX_TYPES:
        return None
    path = data_movement_above(rewrite, value.args[0])
    argmax = rewrite.producing_call(path[-1], "tinyseg.argmax")
    if argmax is None:
        return None
    operator = dataclasses.replace(cast(ArgMax, operator_of(argmax)), output_dtype=dtype_of(value))
    result = emit_operator(rewrite, operator, list(argmax.args), {}, name=rewrite.name(path[-1]), quantization=None)
    return None if result is None else move_alike(rewrite, path, result)


def _axis_last(axis: int, rank: int) -> tuple[list[int] | None, list[int] | None]:
    """The permutation that brings ``axis`` to the end, and its inverse; None twice where it is there."""
    axis %= rank
    if axis == rank - 1:
        return None, None
    order = [*range(axis), *range(axis + 1, rank), axis]
    return order, [order.index(position) for position in range(rank)]
