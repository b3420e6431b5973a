"""Evaluates ``main`` after the integer passes in NumPy: operators by their reference, data movement by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import tvm
from tvm import relax

from tinyseg_tvm.relay_passes.operators_registration import activations_of, constants_of, is_operator_call, operator_of

MOVEMENT = {"permute_dims", "reshape", "concat", "strided_slice", "nn.pad", "Tuple"}


def bindings_of(module: Any) -> list[tuple[str, Any]]:
    """Name and value of every binding of ``main``."""
    blocks = module["main"].body.blocks
    return [(binding.var.name, binding.value) for block in blocks for binding in block.bindings]


def census(module: Any) -> Counter[str]:
    """How many calls of each operator ``main`` holds (``relax.`` left out)."""
    return Counter(kind_of(value) for _, value in bindings_of(module))


def kind_of(value: Any) -> str:
    """Name of the operator called, or the expression's class."""
    if isinstance(value, relax.Call) and isinstance(value.op, tvm.ir.Op):
        return str(value.op.name).removeprefix("relax.")
    return type(value).__name__


def evaluate(module: Any, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Results of ``main``; KeyError for operators that are neither tinyseg's nor data movement."""
    function = module["main"]
    known: dict[Any, Any] = dict(zip(function.params, inputs, strict=True))

    def value_of(expression: Any) -> Any:
        if isinstance(expression, tvm.ir.Var):
            return known[expression]
        if isinstance(expression, tvm.ir.GenericConst):
            return expression.value.numpy()
        if isinstance(expression, relax.Tuple):
            return [value_of(field) for field in expression.fields]
        return _call(expression, value_of)

    for block in function.body.blocks:
        for binding in block.bindings:
            known[binding.var] = value_of(binding.value)
    result = value_of(function.body.body)
    return result if isinstance(result, list) else [result]


def _call(call: Any, value_of: Any) -> Any:
    if is_operator_call(call):
        results = operator_of(call).reference(
            [value_of(operand) for operand in activations_of(call)], constants_of(call)
        )
        return results[0]
    kind = kind_of(call)
    data = value_of(call.args[0])
    if kind == "permute_dims":
        return np.transpose(data, call.attrs.axes and [int(axis) for axis in call.attrs.axes])
    if kind == "reshape":
        return data.reshape([int(dimension) for dimension in call.ty.shape])
    if kind == "concat":
        return np.concatenate(data, axis=int(call.attrs.axis))
    if kind == "nn.pad":
        width = [int(amount) for amount in call.attrs.pad_width]
        pairs = list(zip(width[::2], width[1::2], strict=True))
        return np.pad(data, pairs, constant_values=int(call.attrs.pad_value))
    if kind == "strided_slice":
        selection = [slice(None)] * data.ndim
        axes, begin, end = ([int(entry) for entry in call.args[i].fields] for i in (1, 2, 3))
        strides = [int(entry) for entry in call.args[4].fields] if len(call.args) > 4 else [1] * len(axes)
        for axis, first, last, stride in zip(axes, begin, end, strides, strict=True):
            selection[axis] = slice(first, last, stride)
        return data[tuple(selection)]
    raise KeyError(kind)
