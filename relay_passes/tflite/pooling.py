"""Rules for AVERAGE_POOL_2D, MAX_POOL_2D, MEAN, SUM and the maxima and minima of axes."""

from __future__ import annotations

import numpy as np
from tvm import relax

from tinyseg_tvm.operators import AveragePool2d, Clip, GlobalPool, Lookup, MaxPool2d, Operator, Reduce
from tinyseg_tvm.operators.arithmetic import float32, forms, tflite
from tinyseg_tvm.relay_passes.expressions import Expr
from tinyseg_tvm.relay_passes.tflite.calls import Lower, TfliteCall, UnsupportedError
from tinyseg_tvm.relay_passes.tflite.tables import CODES, clamped
from tinyseg_tvm.relay_passes.tflite.wide_functions import complemented
from tinyseg_tvm.relay_passes.tflite.windows import same_padding


def average_pool_2d(found: TfliteCall) -> Expr:
    """Of codes."""
    kernel, strides = _windows(found)
    padding = same_padding(found, kernel, strides, (1, 1))
    arithmetic: forms.Average = float32.Average()
    if not found.is_float:
        found.expect_types("int8", "uint8", "int16")
        before, after = found.operand().quantization, found.result.quantization
        numbers = (before.scale, before.zero_point, after.scale, after.zero_point, *found.activation_range())
        unsigned = found.operand().described.dtype == "uint8"
        arithmetic = tflite.Average(*numbers, ties_up=unsigned, dtype=found.result.relax_dtype)
    operator = AveragePool2d(kernel, strides, padding, count_include_pad=False, arithmetic=arithmetic)
    result = found.emit(operator, [found.operand().expression])
    return _activated(found, result) if found.is_float else result


def max_pool_2d(found: TfliteCall) -> Expr:
    """Of codes; a fused activation is a table or a clamp."""
    kernel, strides = _windows(found)
    padding = same_padding(found, kernel, strides, (1, 1))
    result = found.emit(MaxPool2d(kernel, strides, padding, (1, 1)), [found.operand().expression])
    if found.option_name("fused_activation_function") == "NONE":
        return result
    if found.is_float:
        return _activated(found, result)
    return clamped(found, result, *found.activation_range())


def _activated(found: TfliteCall, value: Expr) -> Expr:
    """A result of float32 behind the fused activation."""
    if found.option_name("fused_activation_function") == "NONE":
        return value
    return found.emit(Clip(*found.float_clamp()), [value])


def _windows(found: TfliteCall) -> tuple[tuple[int, int], tuple[int, int]]:
    return (
        (found.option("filter_height"), found.option("filter_width")),
        (found.option("stride_h"), found.option("stride_w")),
    )


def mean(found: TfliteCall) -> Expr:
    """Over any axes."""
    if found.is_float:
        return _reduced(found, GlobalPool("average", float32.Average()))
    return _reduced(found, GlobalPool("average", _rescaled(found, "mean")))


def total(found: TfliteCall) -> Expr:
    """SUM over any axes."""
    if found.is_float:
        return _of_float(found, "sum", float32.Reduction())
    return _reduced(found, GlobalPool("average", _rescaled(found, "sum")))


def _rescaled(found: TfliteCall, function: str) -> tflite.Average:
    found.expect_types("int8", "uint8", "int16")
    before, after = found.operand().quantization, found.result.quantization
    numbers = (before.scale, before.zero_point, after.scale, after.zero_point, *found.result.limits)
    return tflite.Average(*numbers, rescaled=function, dtype=found.result.relax_dtype)


def reduce_max(found: TfliteCall) -> Expr:
    """Of codes."""
    if not found.is_float:
        found.expect_types("int8", "uint8", "int16")
    return _reduced(found, GlobalPool("max"))


def _of_float(found: TfliteCall, function: str, arithmetic: forms.Reduction | None) -> Expr:
    """A reduction of float32 over any axes."""
    axes = _axes(found)
    return found.shaped(found.emit(Reduce(function, tuple(axes), arithmetic=arithmetic), [found.operand().expression]))


def reduce_prod(found: TfliteCall) -> Expr:
    """Of float32."""
    found.expect_types("float32")
    return _of_float(found, "product", float32.Reduction())


def reduce_min(found: TfliteCall) -> Expr:
    """The most of all codes the other way round, that way round again."""
    if found.is_float:
        return _of_float(found, "min", None)
    found.expect_types("int8", "uint8", "int16")
    if found.result.dtype == "int16":
        turned = complemented(found, found.operand().expression)
        return complemented(found, _reduced(found, GlobalPool("max"), turned))
    reversal = {"table": (~CODES).astype(np.int8)}
    turned = found.emit(Lookup("int8"), [found.operand().expression], reversal)
    return found.emit(Lookup("int8"), [_reduced(found, GlobalPool("max"), turned)], reversal)


def _reduced(found: TfliteCall, pool: GlobalPool, value: Expr | None = None) -> Expr:
    """A reduction of the first operand, or of ``value``, as the pooling of a map whose pixels are what is reduced."""
    shape, axes = found.operand().shape, _axes(found)
    rank = len(shape)
    kept = [axis for axis in range(rank) if axis not in axes]
    value = found.operand().expression if value is None else value
    if rank == 4 and shape[0] == 1 and axes == [2]:
        return found.shaped(found.emit(_of_rows(pool, shape[2]), [value]))
    if rank != 4 or shape[0] != 1 or axes != [1, 2]:
        order = axes + kept
        if [axis for axis in order if shape[axis] != 1] != sorted(axis for axis in order if shape[axis] != 1):
            value = found.move(relax.op.permute_dims(value, order), "ordered")
        pixels, channels = (int(np.prod([shape[axis] for axis in part], dtype=np.int64)) for part in (axes, kept))
        value = found.move(relax.op.reshape(value, (1, pixels, 1, channels)), "pixels")
    return found.shaped(found.emit(pool, [value]))


def _of_rows(pool: GlobalPool, width: int) -> Operator:
    """The pooling of each row of a map: no map is laid out anew."""
    kernel, strides, none = (1, width), (1, 1), (0, 0, 0, 0)
    if pool.arithmetic is None:
        return MaxPool2d(kernel, strides, none, (1, 1))
    return AveragePool2d(kernel, strides, none, count_include_pad=False, arithmetic=pool.arithmetic)


def _axes(found: TfliteCall) -> list[int]:
    """The axes that are reduced, in order."""
    rank = len(found.operand().shape)
    axes = sorted({int(axis) % rank for axis in found.constant(1, "axes").reshape(-1)}) if rank else []
    if not axes:
        raise UnsupportedError("it reduces no axis")
    return axes


RULES: dict[str, Lower] = {
    "AVERAGE_POOL_2D": average_pool_2d,
    "MAX_POOL_2D": max_pool_2d,
    "MEAN": mean,
    "SUM": total,
    "REDUCE_MAX": reduce_max,
    "REDUCE_MIN": reduce_min,
    "REDUCE_PROD": reduce_prod,
}
