"""Moves quantisation through operators that commute with it, so that data movement works on int8.

Downwards, where the operand is dequantised:  ``f(dequantize(x)) -> dequantize(f(x))``.
Upwards, where the result is quantised:       ``quantize(f(y)) -> f(quantize(y))``.

Both are exact for a per-tensor quantisation, a monotonic function of each element alone, where ``f`` only moves
elements (reshape, transpose, concat, slice, pad, nearest resize, ...) or picks the largest (max pooling). A clamp
(relu, clip) commutes upwards, its bounds quantised: the clamp of a relu is at the zero point, whatever that is. A
dequantised constant goes downwards through reshape and transpose with its scales per channel.

A ``quantize`` that meets a ``dequantize`` of the same parameters cancels; of others, it stays to become a table.
"""

from __future__ import annotations

from typing import TypeGuard

import numpy as np
from tvm import relax

from tinyseg_tvm.operators.arithmetic.onnx_functions import quantize
from tinyseg_tvm.operators.tensor_type import QUANTIZED_TYPES
from tinyseg_tvm.relay_passes.elementwise_evaluation import clip_bounds
from tinyseg_tvm.relay_passes.expressions import (
    Call,
    Expr,
    array_of,
    dtype_of,
    has_static_shape,
    is_call,
    is_constant,
    shape_of,
    with_operands,
)
from tinyseg_tvm.relay_passes.quantization import Quantization, per_tensor_quantization
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass
from tinyseg_tvm.relay_passes.unpooling import POSITIONS, UNPOOL, with_empty

MOVEMENT = ("reshape", "permute_dims", "strided_slice", "broadcast_to", "tile", "repeat", "flip", "take")
"""Operators that only move elements of their first operand."""

EXTREMES = ("nn.max_pool2d", "max", "min")
"""Operators that pick the largest or the least among elements of their operand."""


CLAMPS = ("nn.relu", "nn.relu6", "clip", "maximum", "minimum")
"""Operators that clamp their first operand, where ``_bounds`` finds bounds."""


def moves_elements(value: Expr | None) -> TypeGuard[Call]:
    """True for a call that commutes with a monotonic function applied to each element (concat and pad apart)."""
    if is_call(value, "image.resample2d"):
        return str(value.attrs["method"]) == "nearest"
    return is_call(value, *MOVEMENT, *EXTREMES)


def dequantize_constant_later(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Reshape or transpose of a dequantised constant, per channel or per tensor."""
    if not is_call(value, "reshape", "permute_dims") or not has_static_shape(value):
        return None
    source = rewrite.producing_call(value.args[0], "dequantize")
    if source is None or not is_constant(source.args[0]):
        return None
    axis = _axis_after(value, int(source.attrs.axis) % max(1, len(shape_of(source))))
    if per_tensor_quantization(source) is None and axis is None:
        return None
    moved = rewrite.emit(with_operands(value, [source.args[0], *list(value.args)[1:]]), name)
    return relax.op.dequantize(moved, source.args[1], source.args[2], axis=axis or 0, out_dtype=dtype_of(value))


def dequantize_later(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """One operand, dequantised per tensor."""
    padded = is_call(value, "nn.pad") and value.attrs.pad_mode == "constant" and float(value.attrs.pad_value) == 0.0
    if not (moves_elements(value) or padded) or not dtype_of(value).startswith("float"):
        return None
    source = _dequantized(rewrite, value.args[0])
    if source is None:
        return None
    call, quantization = source
    if padded:
        moved = relax.op.nn.pad(call.args[0], value.attrs.pad_width, "constant", float(quantization.zero_point))
    else:
        moved = with_operands(value, [call.args[0], *list(value.args)[1:]])
    return _on_operand(call, rewrite.emit(moved, name, quantization))


def dequantize_concat_later(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """A concat whose operands are all dequantised alike."""
    if not is_call(value, "concat"):
        return None
    sources = [_dequantized(rewrite, field) for field in _fields(rewrite, value)]
    if not sources or any(source is None for source in sources):
        return None
    call, quantization = sources[0]  # type: ignore[misc]
    operands = [source[0].args[0] for source in sources if source is not None]
    if any(source[1] != quantization for source in sources if source is not None):
        return None
    if any(dtype_of(operand) != dtype_of(operands[0]) for operand in operands):
        return None
    moved = rewrite.emit(relax.op.concat(operands, value.attrs.axis), name, quantization)
    return with_operands(call, [moved, *list(call.args)[1:]])


def arguments_of_extremes(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """Argmax and argmin of dequantised values are those of the quantised ones."""
    if not is_call(value, "argmax", "argmin"):
        return None
    source = _dequantized(rewrite, value.args[0])
    return None if source is None else with_operands(value, [source[0].args[0]])


def positions_of_maxima(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """Maxima of dequantised values lie where those of the quantised ones do."""
    if not is_call(value, POSITIONS):
        return None
    source = _dequantized(rewrite, value.args[0])
    return None if source is None else with_operands(value, [source[0].args[0]])


def dequantize_behind_unpooling(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Values are put back where maxima lay as they are, among zeros that are the zero point."""
    source = _dequantized(rewrite, value.args[0]) if is_call(value, UNPOOL) else None
    if source is None:
        return None
    call, quantization = source
    moved = rewrite.emit(with_empty(value, call.args[0], quantization.zero_point), name, quantization)
    return with_operands(call, [moved, *list(call.args)[1:]])


def quantize_earlier(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """Quantisation of a result goes up to where it was computed."""
    if not is_call(value, "quantize"):
        return None
    quantization = per_tensor_quantization(value)
    if quantization is None or dtype_of(value) not in QUANTIZED_TYPES:
        return None
    return _quantized(rewrite, value, value.args[0], quantization, name)


def _quantized(rewrite: Rewrite, call: Call, expression: Expr, quantization: Quantization, name: str) -> Expr:
    """``expression`` quantised as ``call`` says, by going up through what commutes."""
    dtype = dtype_of(call)
    key = (expression, quantization, dtype)
    if key in rewrite.memory:
        return rewrite.memory[key]
    source = rewrite.producer(expression)
    source_name = rewrite.name(expression, name)

    def above(operand: Expr) -> Expr:
        return _quantized(rewrite, call, operand, quantization, name)

    if (
        is_call(source, "dequantize")
        and per_tensor_quantization(source) == quantization
        and (dtype_of(source.args[0]) == dtype)
    ):
        result = source.args[0]
    elif is_call(source, *CLAMPS) and (bounds := _bounds(source)) is not None:
        clamped = above(source.args[0])
        low, high = (int(quantize(bound, quantization.scale, quantization.zero_point, dtype)) for bound in bounds)
        clip = relax.op.clip(clamped, relax.prim_value(low), relax.prim_value(high))
        result = rewrite.emit(clip, source_name, quantization)
    elif _is_pad(source):
        border = int(quantize(source.attrs.pad_value, quantization.scale, quantization.zero_point, dtype))
        padded = relax.op.nn.pad(above(source.args[0]), source.attrs.pad_width, "constant", float(border))
        result = rewrite.emit(padded, source_name, quantization)
    elif is_call(source, "concat"):
        operands = [above(field) for field in _fields(rewrite, source)]
        result = rewrite.emit(relax.op.concat(operands, source.attrs.axis), source_name, quantization)
    elif is_call(source, UNPOOL):
        moved = with_empty(source, above(source.args[0]), quantization.zero_point)
        result = rewrite.emit(moved, source_name, quantization)
    elif moves_elements(source):
        moved = with_operands(source, [above(source.args[0]), *list(source.args)[1:]])
        result = rewrite.emit(moved, source_name, quantization)
    else:
        # A quantisation of what was quantised alike before is the same value: an operator is computed once.
        own_name = name if expression.same_as(call.args[0]) else f"{source_name}_quantized"
        result = rewrite.emit(_on_operand(call, expression), own_name)
    rewrite.memory[key] = result
    return result


def _dequantized(rewrite: Rewrite, expression: Expr) -> tuple[Expr, Quantization] | None:
    """The per-tensor ``dequantize`` of quantised values that produced ``expression``."""
    call = rewrite.producing_call(expression, "dequantize")
    if call is None or dtype_of(call.args[0]) not in QUANTIZED_TYPES:
        return None
    quantization = per_tensor_quantization(call)
    return None if quantization is None else (call, quantization)


def _on_operand(call: Call, operand: Expr) -> Call:
    """A per-tensor ``quantize`` or ``dequantize`` of another operand, which can have too few axes for the call's."""
    if int(call.attrs.axis) < len(shape_of(operand)):
        return with_operands(call, [operand, *list(call.args)[1:]])
    make = relax.op.quantize if is_call(call, "quantize") else relax.op.dequantize
    return make(operand, *list(call.args)[1:], axis=0, out_dtype=dtype_of(call))


def _fields(rewrite: Rewrite, concat: Call) -> list[Expr]:
    operand = concat.args[0]
    operands = operand if isinstance(operand, relax.Tuple) else rewrite.producer(operand)
    return list(operands.fields) if isinstance(operands, relax.Tuple) else []


def _is_pad(value: Expr | None) -> TypeGuard[Call]:
    return is_call(value, "nn.pad") and value.attrs.pad_mode == "constant"


def _bounds(value: Call) -> tuple[float, float] | None:
    """Lower and upper bound of a clamp of the first operand, or None."""
    if is_call(value, "nn.relu"):
        return 0.0, np.inf
    if is_call(value, "nn.relu6"):
        return 0.0, 6.0
    if is_call(value, "clip"):
        return clip_bounds(value)
    bound = value.args[1]
    if not is_constant(bound) or array_of(bound).size != 1 or len(shape_of(bound)) > len(shape_of(value.args[0])):
        return None
    number = float(array_of(bound).flat[0])
    if np.isnan(number):
        return None
    return (number, np.inf) if is_call(value, "maximum") else (-np.inf, number)


def _axis_after(value: Expr, axis: int) -> int | None:
    """Where ``axis`` of the operand is in the result of a reshape or transpose; None where it is no single axis."""
    before, after = shape_of(value.args[0]), shape_of(value)
    if is_call(value, "permute_dims"):
        axes = value.attrs.axes
        order = list(reversed(range(len(before)))) if axes is None else [int(a) % len(before) for a in axes]
        return order.index(axis)
    if not before:
        return None
    outer = int(np.prod(before[:axis], dtype=np.int64))
    for candidate, size in enumerate(after):
        if size == before[axis] and int(np.prod(after[:candidate], dtype=np.int64)) == outer:
            return candidate
    return None


propagate_quantization = main_pass(
    "propagate_quantization",
    dequantize_constant_later,
    dequantize_later,
    dequantize_concat_later,
    arguments_of_extremes,
    positions_of_maxima,
    dequantize_behind_unpooling,
    quantize_earlier,
)
