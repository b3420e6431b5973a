"""Rules for softmax and argmax, over any axis."""

from __future__ import annotations

import dataclasses
from typing import cast

import numpy as np
from tvm import relax

from tinyseg_tvm.operators import ArgMax, Softmax
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.relay_passes.expressions import Expr, dtype_of, is_call, is_constant, shape_of
from tinyseg_tvm.relay_passes.operators_registration import operator_of
from tinyseg_tvm.relay_passes.quantized_operands import (
    data_movement_above,
    emit_operator,
    move_alike,
    quantized_activation,
    quantized_result,
)
from tinyseg_tvm.relay_passes.rewriting import Rewrite

_INDEX_TYPES = ("int64", "int32", "uint8")


def rewrite_softmax(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """Softmax; an axis other than the last is brought there."""
    result = quantized_result(value)
    call = None if result is None else rewrite.producing_call(result[0], "nn.softmax")
    activation = None if call is None else quantized_activation(rewrite, call.args[0])
    if result is None or call is None or activation is None:
        return None
    name, output = rewrite.name(result[0]), result[1]
    distance = np.arange(256, dtype=np.float64)
    table = np.exp(-distance * activation[1].scale).astype(np.float32)
    operator = Softmax(onnx.Softmax(output_scale=output.scale, output_zero_point=output.zero_point))
    order, back = _axis_last(int(call.attrs.axis), len(shape_of(call)))
    operand = activation[0]
    if order is not None:
        operand = rewrite.emit(relax.op.permute_dims(operand, order), f"{name}_nhwc", activation[1])
    softmax = emit_operator(rewrite, operator, [operand], {"table": table}, name=name, quantization=output)
    if softmax is None or back is None:
        return softmax
    return rewrite.emit(relax.op.permute_dims(softmax, back), f"{name}_nchw", output)


def rewrite_argmax(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Argmax of int8."""
    if not is_call(value, "argmax") or value.attrs.axis is None or dtype_of(value.args[0]) != "int8":
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
