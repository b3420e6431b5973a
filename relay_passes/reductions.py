"""Rules for reductions: sums, means, products, variances and extremes over any axes."""

from __future__ import annotations

import numpy as np
from tvm import relax

from tinyseg_tvm.operators import AveragePool2d, GlobalPool, MaxPool2d, Operator
from tinyseg_tvm.operators.arithmetic import forms
from tinyseg_tvm.operators.reduce import Reduce
from tinyseg_tvm.relay_passes.computations import Computation, computing, copying
from tinyseg_tvm.relay_passes.expressions import Expr, dtype_of, shape_of

_EACH_ELEMENT = ("dequantize", "quantize", "tinyseg.dequantize", "tinyseg.pointwise", "tinyseg.elementwise", "power")


@computing("mean")
def mean(found: Computation) -> Expr | None:
    """GlobalAveragePool and ReduceMean."""
    source = found.reduction()
    if source is None:
        return None
    operand, arithmetic = source
    as_it_is = found.activation() is not None and operand.same_as(found.activation())
    result = _pooled(found, "average") if as_it_is else None
    if result is None:
        result = _reduced(found, "mean", operand, arithmetic)
    return _of_pixels(found, "average") if result is None else result


@computing("sum")
def total(found: Computation) -> Expr | None:
    """ReduceSum."""
    source = found.reduction()
    return None if source is None else _reduced(found, "sum", *source)


@computing("prod")
def product(found: Computation) -> Expr | None:
    """ReduceProd."""
    source = found.reduction()
    return None if source is None else _reduced(found, "product", *source)


@computing("variance")
def variance(found: Computation) -> Expr | None:
    """What normalisations divide by the root of."""
    source = found.reduction()
    return None if source is None else _reduced(found, "variance", *source)


@copying("max")
def maximum(found: Computation) -> Expr | None:
    """GlobalMaxPool and ReduceMax."""
    result = _pooled(found, "max")
    if result is None:
        result = _extreme(found, "max")
    return _of_pixels(found, "max") if result is None else result


@copying("min")
def minimum(found: Computation) -> Expr | None:
    """ReduceMin."""
    return _extreme(found, "min")


def _axes(found: Computation) -> tuple[int, ...]:
    """The axes of the operand that are reduced, in order."""
    rank, stated = len(shape_of(found.call.args[0])), found.call.attrs.axis
    return tuple(sorted({int(axis) % rank for axis in (stated if stated is not None else range(rank))}))


def _extreme(found: Computation, function: str) -> Expr | None:
    activation = found.activation()
    return None if activation is None else _reduced(found, function, activation, None)


def _reduced(
    found: Computation, function: str, operand: Expr, arithmetic: forms.Average | forms.Reduction | None
) -> Expr | None:
    """The reduction as it stands."""
    axes = _axes(found)
    if not axes or dtype_of(operand) not in ("int8", "float32"):
        return None
    return _shaped(found, found.emit(Reduce(function, axes, arithmetic=arithmetic), [operand]))


def _pooled(found: Computation, function: str) -> Expr | None:
    """A reduction of an image's pixels, of its rows, or of a sequence as pooling: that has the fastest kernels."""
    activation = found.activation()
    if activation is None:
        return None
    axes, shape = _axes(found), shape_of(activation)
    channels = [axis for axis, extent in enumerate(shape) if axis not in axes and extent != 1]
    if len(shape) <= 3 and len(axes) == 1 and len(channels) <= 1:
        return _of_pixels(found, function)
    if len(shape) != 4 or shape[0] != 1 or axes not in ((3,), (2, 3), (1, 2)):
        return None
    if axes == (3,) and _holds_channels_last(found, activation):
        return None
    operator = _global_pool(found, function) if len(axes) == 2 else _row_pool(found, function)
    return _shaped(found, found.in_nhwc(operator, [activation], layout="NHWC" if axes == (1, 2) else "NCHW"))


def _holds_channels_last(found: Computation, activation: Expr) -> bool:
    """Whether a map of the model in NCHW was transposed: its last axis is no row then."""
    source = activation
    while (above := found.rewrite.producing_call(source, *_EACH_ELEMENT)) is not None:
        source = above.args[0]
    transpose = found.rewrite.producing_call(source, "permute_dims")
    return transpose is not None and transpose.attrs.axes is not None and int(transpose.attrs.axes[-1]) == 1


def _row_pool(found: Computation, function: str) -> Operator:
    """The pooling of a map (1, C, H, W) over W."""
    kernel = (1, shape_of(found.call.args[0])[3])
    if function == "max":
        return MaxPool2d(kernel, (1, 1), (0, 0, 0, 0), (1, 1))
    return AveragePool2d(kernel, (1, 1), (0, 0, 0, 0), count_include_pad=False, arithmetic=found.average())


def _of_pixels(found: Computation, function: str) -> Expr | None:
    """A reduction as pooling of a map whose pixels are what is reduced, which is made for it."""
    activation, axes = found.activation(), list(_axes(found))
    if activation is None:
        return None
    shape = shape_of(activation)
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    pixels = int(np.prod([shape[axis] for axis in axes], dtype=np.int64))
    channels = int(np.prod([shape[axis] for axis in kept], dtype=np.int64))
    order = axes + kept
    moving = [axis for axis in order if shape[axis] != 1]
    ordered = activation
    if moving != sorted(moving):
        ordered = found.move(relax.op.permute_dims(activation, order), "nhwc")
    mapped = found.move(relax.op.reshape(ordered, (1, pixels, 1, channels)), "pixels")
    return _shaped(found, found.emit(_global_pool(found, function), [mapped]))


def _global_pool(found: Computation, function: str) -> GlobalPool:
    return GlobalPool(function, found.average() if function == "average" else None)


def _shaped(found: Computation, result: Expr | None) -> Expr | None:
    """The result in the call's shape, which may lack the axes that were reduced."""
    if result is None or shape_of(result) == shape_of(found.call):
        return result
    return found.move(relax.op.reshape(result, shape_of(found.call)), "reshaped")
