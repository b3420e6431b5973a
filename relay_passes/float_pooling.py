"""Rules for float32 pooling and means, softmax, and gathering of rows."""

from __future__ import annotations

import numpy as np
from tvm import relax

from tinyseg_tvm.operators import (
    AveragePool2d,
    Gather,
    GlobalPool,
    MaxPool2d,
    Operator,
    Softmax,
)
from tinyseg_tvm.operators.arithmetic import float32
from tinyseg_tvm.relay_passes.expressions import Expr, array_of, dtype_of, is_call, is_constant, shape_of
from tinyseg_tvm.relay_passes.float_operands import emit_operator, in_nhwc, is_float_call
from tinyseg_tvm.relay_passes.integer_pooling import exact_padding
from tinyseg_tvm.relay_passes.rewriting import Rewrite


def lower_max_pool2d(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """MaxPool."""
    if not is_float_call(value, "nn.max_pool2d"):
        return None
    attributes = value.attrs
    kernel, strides, dilation = (
        (int(pair[0]), int(pair[1])) for pair in (attributes.pool_size, attributes.strides, attributes.dilation)
    )
    operator = MaxPool2d(kernel, strides, exact_padding(value, kernel, strides, dilation), dilation)
    return in_nhwc(rewrite, operator, [value.args[0]], {}, name=name, layout=str(attributes.layout))


def lower_average_pool2d(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """AveragePool. One that counts padding and also ends in a partial window (``ceil_mode``) stays as it is."""
    if not is_float_call(value, "nn.avg_pool2d") or any(int(step) != 1 for step in value.attrs.dilation):
        return None
    attributes = value.attrs
    kernel, strides = ((int(pair[0]), int(pair[1])) for pair in (attributes.pool_size, attributes.strides))
    padding = exact_padding(value, kernel, strides, (1, 1))
    count_include_pad = bool(attributes.count_include_pad) and any(padding)
    if count_include_pad and padding != tuple(int(amount) for amount in attributes.padding):
        return None
    operator = AveragePool2d(kernel, strides, padding, count_include_pad, float32.Average())
    return in_nhwc(rewrite, operator, [value.args[0]], {}, name=name, layout=str(attributes.layout))


def lower_reduction(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Mean and maximum over any axes, as pooling of a feature map (1, H, W, C) whose pixels are what is reduced."""
    if not is_float_call(value, "mean", "max"):
        return None
    activation, axes_of = value.args[0], value.attrs.axis
    shape = shape_of(activation)
    rank = len(shape)
    axes = sorted(int(axis) % rank for axis in (axes_of if axes_of is not None else range(rank)))
    kept = [axis for axis in range(rank) if axis not in axes]
    function = "average" if is_call(value, "mean") else "max"
    result = None
    if rank == 4 and shape[0] == 1 and axes in ([2], [3], [2, 3], [1, 2]):
        layout = "NHWC" if axes == [1, 2] else "NCHW"
        result = in_nhwc(rewrite, _reducer(axes, shape, function), [activation], {}, name=name, layout=layout)
    else:
        pixels = int(np.prod([shape[axis] for axis in axes], dtype=np.int64))
        channels = int(np.prod([shape[axis] for axis in kept], dtype=np.int64))
        order = axes + kept
        moving = [axis for axis in order if shape[axis] != 1]
        if moving != sorted(moving):
            activation = rewrite.emit(relax.op.permute_dims(activation, order), f"{name}_nhwc")
        activation = rewrite.emit(relax.op.reshape(activation, (1, pixels, 1, channels)), f"{name}_pixels")
        result = emit_operator(rewrite, _global_pool(function), [activation], {}, name=name)
    if result is None or shape_of(result) == shape_of(value):
        return result
    return rewrite.emit(relax.op.reshape(result, shape_of(value)), f"{name}_reshaped")


def _reducer(axes: list[int], shape: tuple[int, ...], function: str) -> Operator:
    """The pooling of a map (1, C, H, W) over H, over W, or over all pixels."""
    if len(axes) == 2:
        return _global_pool(function)
    kernel = (shape[2], 1) if axes == [2] else (1, shape[3])
    if function == "max":
        return MaxPool2d(kernel, (1, 1), (0, 0, 0, 0), (1, 1))
    return AveragePool2d(kernel, (1, 1), (0, 0, 0, 0), count_include_pad=False, arithmetic=float32.Average())


def _global_pool(function: str) -> GlobalPool:
    return GlobalPool(function, float32.Average() if function == "average" else None)


def lower_softmax(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Softmax over the last axis, or over the channels of a feature map."""
    if not is_float_call(value, "nn.softmax"):
        return None
    rank = len(shape_of(value))
    axis = int(value.attrs.axis) % max(rank, 1)
    operator = Softmax(float32.Softmax())
    if axis == rank - 1:
        return emit_operator(rewrite, operator, [value.args[0]], {}, name=name)
    return in_nhwc(rewrite, operator, [value.args[0]], {}, name=name) if rank == 4 and axis == 1 else None


def lower_gather(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Rows of a constant by indices, without the importer's correction of negative indices, which is the same."""
    if not is_call(value, "take") or str(value.attrs.mode) != "fast" or not is_constant(value.args[0]):
        return None
    table, indices = array_of(value.args[0]), value.args[1]
    rank = max(table.ndim, 1)
    if is_constant(indices) or value.attrs.axis is None or int(value.attrs.axis) % rank != 0 or table.ndim == 0:
        return None
    if dtype_of(indices) not in ("int32", "int64"):
        return None
    corrected = _corrected(rewrite, indices, table.shape[0])
    return emit_operator(rewrite, Gather(), [indices if corrected is None else corrected], {"table": table}, name=name)


def _corrected(rewrite: Rewrite, indices: Expr, rows: int) -> Expr:
    """``i`` where ``indices`` is ``where(i < 0, i + rows, i)``, else None."""
    choice = rewrite.producing_call(indices, "where")
    if choice is None:
        return None
    negative = rewrite.producing_call(choice.args[0], "less")
    moved = rewrite.producing_call(choice.args[1], "add")
    plain = choice.args[2]
    if negative is None or moved is None or not negative.args[0].same_as(plain) or not moved.args[0].same_as(plain):
        return None
    zero, amount = (_number(rewrite, operand) for operand in (negative.args[1], moved.args[1]))
    return plain if (zero, amount) == (0, rows) else None


def _number(rewrite: Rewrite, expression: Expr) -> int | None:
    """The value of an integer constant, cast or taken from a vector of constants."""
    if is_constant(expression):
        return int(array_of(expression).flat[0]) if array_of(expression).size == 1 else None
    cast = rewrite.producing_call(expression, "astype")
    if cast is not None:
        return _number(rewrite, cast.args[0])
    taken = rewrite.producing_call(expression, "take")
    if taken is None or not all(is_constant(operand) for operand in taken.args) or array_of(taken.args[1]).size != 1:
        return None
    return int(array_of(taken.args[0]).flat[int(array_of(taken.args[1]).flat[0])])
