"""Rules for max, average and global pooling and for means."""

from __future__ import annotations

import numpy as np
from tvm import relax

from tinyseg_tvm.operators import AveragePool2d, GlobalPool, MaxPool2d
from tinyseg_tvm.operators.arithmetic import onnx
from tinyseg_tvm.relay_passes.expressions import Call, Expr, dtype_of, is_call, is_constant, shape_of
from tinyseg_tvm.relay_passes.quantization import Quantization
from tinyseg_tvm.relay_passes.quantized_operands import (
    TO_NHWC,
    emit_operator,
    in_nhwc,
    quantized_activation,
    quantized_result,
)
from tinyseg_tvm.relay_passes.rewriting import Rewrite

_NEUTRAL = Quantization(1.0, 0)  # where the quantisation is unknown and does not matter: a maximum


def rewrite_max_pool2d(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """``nn.max_pool2d`` on int8."""
    if not is_call(value, "nn.max_pool2d") or dtype_of(value) != "int8" or is_constant(value.args[0]):
        return None
    attributes = value.attrs
    kernel, strides, dilation = (
        (int(pair[0]), int(pair[1])) for pair in (attributes.pool_size, attributes.strides, attributes.dilation)
    )
    layout = str(attributes.layout)
    operator = MaxPool2d(
        kernel=kernel,
        strides=strides,
        padding=exact_padding(value, kernel, strides, dilation),
        dilation=dilation,
    )
    return in_nhwc(
        rewrite,
        operator,
        value.args[0],
        {},
        name=name,
        quantization=rewrite.quantization.get(value.args[0]),
        layout=layout,
    )


def rewrite_average_pool2d(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """AveragePool. One that counts padding and also ends in a partial window (``ceil_mode``) has no integer form."""
    result = quantized_result(value)
    call = None if result is None else rewrite.producing_call(result[0], "nn.avg_pool2d")
    if result is None or call is None:
        return None
    activation = quantized_activation(rewrite, call.args[0])
    attributes = call.attrs
    if activation is None or any(int(step) != 1 for step in attributes.dilation):
        return None
    kernel, strides = ((int(pair[0]), int(pair[1])) for pair in (attributes.pool_size, attributes.strides))
    padding = exact_padding(call, kernel, strides, (1, 1))
    count_include_pad = bool(attributes.count_include_pad) and any(padding)
    if count_include_pad and padding != tuple(int(amount) for amount in attributes.padding):
        return None
    operator = AveragePool2d(
        kernel=kernel,
        strides=strides,
        padding=padding,
        count_include_pad=count_include_pad,
        arithmetic=_average(activation[1], result[1]),
    )
    name = rewrite.name(result[0])
    return in_nhwc(
        rewrite, operator, activation[0], {}, name=name, quantization=result[1], layout=str(attributes.layout)
    )


def rewrite_mean(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """Mean over any axes; GlobalAveragePool is the mean over the pixels."""
    result = quantized_result(value)
    call = None if result is None else rewrite.producing_call(result[0], "mean")
    activation = None if call is None else quantized_activation(rewrite, call.args[0])
    if result is None or activation is None:
        return None
    return _reduce(
        rewrite,
        call,
        activation=activation[0],
        before=activation[1],
        after=result[1],
        function="average",
        name=rewrite.name(result[0]),
    )


def rewrite_max(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Maximum of int8 over any axes; GlobalMaxPool is the maximum over the pixels."""
    if not is_call(value, "max") or dtype_of(value) != "int8" or is_constant(value.args[0]):
        return None
    known = rewrite.quantization.get(value.args[0], _NEUTRAL)
    return _reduce(rewrite, value, activation=value.args[0], before=known, after=known, function="max", name=name)


def _reduce(
    rewrite: Rewrite,
    call: Call,
    *,
    activation: Expr,
    before: Quantization,
    after: Quantization,
    function: str,
    name: str,
) -> Expr | None:
    """A reduction as pooling of a feature map (1, H, W, C) whose pixels are what is reduced."""
    shape = shape_of(activation)
    rank = len(shape)
    axes = sorted(int(axis) % rank for axis in (call.attrs.axis if call.attrs.axis is not None else range(rank)))
    kept = [axis for axis in range(rank) if axis not in axes]
    is_map = rank == 4 and shape[0] == 1
    if is_map and axes in ([2], [3]) and function == "average":
        operator = AveragePool2d(
            kernel=(shape[2], 1) if axes == [2] else (1, shape[3]),
            strides=(1, 1),
            padding=(0, 0, 0, 0),
            count_include_pad=False,
            arithmetic=_average(before, after),
        )
        result = in_nhwc(rewrite, operator, activation, {}, name=name, quantization=after)
    elif is_map and axes in ([2, 3], [1, 2]):
        layout = "NCHW" if axes == [2, 3] else "NHWC"
        result = in_nhwc(
            rewrite,
            GlobalPool(function, _average(before, after) if function == "average" else None),
            activation,
            {},
            name=name,
            quantization=after,
            layout=layout,
        )
    else:
        pixels = int(np.prod([shape[axis] for axis in axes], dtype=np.int64))
        channels = int(np.prod([shape[axis] for axis in kept], dtype=np.int64))
        order = axes + kept
        if order != sorted(order):
            activation = rewrite.emit(relax.op.permute_dims(activation, order), f"{name}_nhwc", before)
        activation = rewrite.emit(relax.op.reshape(activation, (1, pixels, 1, channels)), f"{name}_pixels", before)
        operator_ = GlobalPool(function, _average(before, after) if function == "average" else None)
        result = emit_operator(rewrite, operator_, [activation], {}, name=name, quantization=after)
    if result is None or shape_of(result) == shape_of(call):
        return result
    return rewrite.emit(relax.op.reshape(result, shape_of(call)), f"{name}_reshaped", after)


def _average(before: Quantization, after: Quantization) -> onnx.Average:
    return onnx.Average(before.scale, before.zero_point, after.scale, after.zero_point)


def exact_padding(
    call: Call, kernel: tuple[int, int], strides: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The padding that gives the call's result size exactly: a partial last window (``ceil_mode``) is padded full."""
    top, left, bottom, right = (int(amount) for amount in call.attrs.padding)
    order = TO_NHWC if str(call.attrs.layout) == "NCHW" else [0, 1, 2, 3]
    before, after = ([shape_of(tensor)[axis] for axis in order] for tensor in (call.args[0], call))

    def end(axis: int, start: int, stated: int) -> int:
        needed = (after[axis + 1] - 1) * strides[axis] + dilation[axis] * (kernel[axis] - 1) + 1
        return max(stated, needed - before[axis + 1] - start) if call.attrs.ceil_mode else stated

    return top, left, end(0, top, bottom), end(1, left, right)
