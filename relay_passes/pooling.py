"""Rules for max, average and global pooling, and for means and maxima over any axes."""

from __future__ import annotations

import numpy as np
from tvm import relax

from tinyseg_tvm.operators import AveragePool2d, GlobalPool, MaxPool2d, Operator
from tinyseg_tvm.relay_passes.computations import Computation, computing, copying
from tinyseg_tvm.relay_passes.expressions import Call, Expr, shape_of
from tinyseg_tvm.relay_passes.quantized_operands import TO_NHWC


@copying("nn.max_pool2d")
def max_pool2d(found: Computation) -> Expr | None:
    """MaxPool."""
    activation, attributes = found.activation(), found.call.attrs
    if activation is None:
        return None
    kernel, strides, dilation = (
        (int(pair[0]), int(pair[1])) for pair in (attributes.pool_size, attributes.strides, attributes.dilation)
    )
    operator = MaxPool2d(kernel, strides, _exact_padding(found.call, kernel, strides, dilation), dilation)
    return found.in_nhwc(operator, [activation], layout=str(attributes.layout))


@computing("nn.avg_pool2d")
def average_pool2d(found: Computation) -> Expr | None:
    """AveragePool. One that counts padding and also ends in a partial window (``ceil_mode``) stays as it is."""
    activation, attributes = found.activation(), found.call.attrs
    if activation is None or any(int(step) != 1 for step in attributes.dilation):
        return None
    kernel, strides = ((int(pair[0]), int(pair[1])) for pair in (attributes.pool_size, attributes.strides))
    padding = _exact_padding(found.call, kernel, strides, (1, 1))
    count_include_pad = bool(attributes.count_include_pad) and any(padding)
    if count_include_pad and padding != tuple(int(amount) for amount in attributes.padding):
        return None
    operator = AveragePool2d(kernel, strides, padding, count_include_pad, found.average())
    return found.in_nhwc(operator, [activation], layout=str(attributes.layout))


@computing("mean")
def mean(found: Computation) -> Expr | None:
    """GlobalAveragePool is the mean over the pixels."""
    return _reduce(found, "average")


@copying("max")
def maximum(found: Computation) -> Expr | None:
    """GlobalMaxPool is the maximum over the pixels."""
    return _reduce(found, "max")


def _reduce(found: Computation, function: str) -> Expr | None:
    """A reduction as pooling of a feature map (1, H, W, C) whose pixels are what is reduced."""
    activation, axes_of = found.activation(), found.call.attrs.axis
    if activation is None:
        return None
    shape = shape_of(activation)
    rank = len(shape)
    axes = sorted(int(axis) % rank for axis in (axes_of if axes_of is not None else range(rank)))
    kept = [axis for axis in range(rank) if axis not in axes]
    if rank == 4 and shape[0] == 1 and axes in ([2], [3], [2, 3], [1, 2]):
        layout = "NHWC" if axes == [1, 2] else "NCHW"
        result = found.in_nhwc(_reducer(found, function, axes, shape), [activation], layout=layout)
    else:
        pixels = int(np.prod([shape[axis] for axis in axes], dtype=np.int64))
        channels = int(np.prod([shape[axis] for axis in kept], dtype=np.int64))
        order = axes + kept
        moving = [axis for axis in order if shape[axis] != 1]
        ordered = activation
        if moving != sorted(moving):
            ordered = found.move(relax.op.permute_dims(activation, order), "nhwc")
        mapped = found.move(relax.op.reshape(ordered, (1, pixels, 1, channels)), "pixels")
        result = found.emit(_global_pool(found, function), [mapped])
    if result is None or shape_of(result) == shape_of(found.call):
        return result
    return found.move(relax.op.reshape(result, shape_of(found.call)), "reshaped")


def _reducer(found: Computation, function: str, axes: list[int], shape: tuple[int, ...]) -> Operator:
    """The pooling of a map (1, C, H, W) over H, over W, or over all pixels."""
    if len(axes) == 2:
        return _global_pool(found, function)
    kernel = (shape[2], 1) if axes == [2] else (1, shape[3])
    if function == "max":
        return MaxPool2d(kernel, (1, 1), (0, 0, 0, 0), (1, 1))
    return AveragePool2d(kernel, (1, 1), (0, 0, 0, 0), count_include_pad=False, arithmetic=found.average())


def _global_pool(found: Computation, function: str) -> GlobalPool:
    return GlobalPool(function, found.average() if function == "average" else None)


def _exact_padding(
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
