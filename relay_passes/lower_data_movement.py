"""Relax data movement becomes ``relax.tinyseg`` operators: transpose, reshape, concat, slice, pad.

Movement of constants is computed here. What the operators cannot express stays for the long tail: negative
slice strides, pads other than constant, concatenation with constants. ``tinyseg.quantization`` is completed along
the movements.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tvm
from tvm import relax

from tinyseg_tvm.operators import Concat, Pad, Reshape, Slice, Transpose
from tinyseg_tvm.relay_passes.dataflow import (
    MAIN,
    QUANTIZATION,
    Binding,
    Dataflow,
    Rewriter,
    dtype_of,
    module_pass,
    rewrite,
    shape_of,
    with_main_attrs,
)
from tinyseg_tvm.relay_passes.operator_calls import emit_operator, operator_call

MOVES = (
    "relax.permute_dims",
    "relax.reshape",
    "relax.flatten",
    "relax.squeeze",
    "relax.expand_dims",
    "relax.concat",
    "relax.strided_slice",
    "relax.nn.pad",
)


@module_pass("lower_data_movement")
def lower_data_movement(module: tvm.IRModule) -> tvm.IRModule:
    """Replace Relax data movement by tinyseg operators."""
    return _with_spread_quantization(rewrite(module, _rule))


def _with_spread_quantization(module: tvm.IRModule) -> tvm.IRModule:
    """Record for both sides of a movement what is known of one: the passes after this one remove movements."""
    flow = Dataflow.of(module[MAIN])
    known = dict(flow.attrs.get(QUANTIZATION, {}))
    pairs = [(str(a.name), b.name) for b in flow.bindings for a in _moved(b)]
    for operand, result in reversed(pairs):
        if result in known:
            known.setdefault(operand, known[result])
    for operand, result in pairs:
        if operand in known:
            known.setdefault(result, known[operand])
    return with_main_attrs(module, {QUANTIZATION: known}) if known else module


def _moved(binding: Binding) -> tuple[Any, ...]:
    """The operands that a binding moves without changing an element."""
    call = operator_call(binding.value)
    return call.activations if call is not None and call.operator.keeps_quantization else ()


def _rule(writer: Rewriter, binding: Binding) -> Any:
    value = binding.value
    if not isinstance(value, relax.Call) or getattr(value.op, "name", "") not in MOVES:
        return None
    if isinstance(value.args[0], tvm.ir.GenericConst):
        return _fold(value, shape_of(binding.var))
    kind = value.op.name
    if kind == "relax.concat":
        return _concat(writer, binding)
    operand = writer.substitute(value.args[0])
    if kind == "relax.permute_dims":
        return emit_operator(writer, binding.name, Transpose(_axes(value)), operand)
    if kind == "relax.strided_slice":
        return _slice(writer, binding, operand)
    if kind == "relax.nn.pad":
        return _pad(writer, binding, operand)
    return emit_operator(writer, binding.name, Reshape(shape_of(binding.var)), operand)


def _axes(value: Any) -> tuple[int, ...]:
    rank = len(shape_of(value.args[0]))
    if value.attrs.axes is None:
        return tuple(reversed(range(rank)))
    return tuple(int(axis) % rank for axis in value.attrs.axes)


def _fold(value: Any, shape: tuple[int, ...]) -> Any:
    """Movement of a constant, as a constant; None where it is left as it is."""
    array = value.args[0].value.numpy()
    if value.op.name == "relax.permute_dims":
        return relax.const(np.ascontiguousarray(array.transpose(_axes(value))))
    if value.op.name in ("relax.concat", "relax.strided_slice", "relax.nn.pad"):
        return None
    return relax.const(array.reshape(shape))


def _concat(writer: Rewriter, binding: Binding) -> Any:
    bundle = writer.substitute(binding.value.args[0])
    if not isinstance(bundle, relax.Tuple) or not all(isinstance(f, relax.Var) for f in bundle.fields):
        return None
    axis = binding.value.attrs.axis
    rank = len(shape_of(binding.var))
    return emit_operator(writer, binding.name, Concat(0 if axis is None else int(axis) % rank), *bundle.fields)


def _slice(writer: Rewriter, binding: Binding, operand: Any) -> Any:
    shape = shape_of(operand)
    numbers = [_integers(argument) for argument in binding.value.args[1:]]
    if any(found is None for found in numbers):
        return None
    axes, begins, ends, *rest = [found or [] for found in numbers]
    strides = rest[0] if rest else [1] * len(axes)
    if any(stride <= 0 for stride in strides):
        return None
    begin, end, step = [0] * len(shape), list(shape), [1] * len(shape)
    for place, axis in enumerate(axes):
        extent = shape[axis]
        begin[axis], end[axis], step[axis] = slice(begins[place], ends[place], strides[place]).indices(extent)
    return emit_operator(writer, binding.name, Slice(tuple(begin), tuple(end), tuple(step)), operand)


def _integers(argument: Any) -> list[int] | None:
    """The integers of a Relax tuple or shape, or None where they are not static."""
    fields = argument.fields if isinstance(argument, relax.Tuple) else getattr(argument, "values", None)
    if fields is None:
        return None
    values = [getattr(field, "value", field) for field in fields]
    return [int(value) for value in values] if all(isinstance(v, (int, tvm.tirx.IntImm)) for v in values) else None


def _pad(writer: Rewriter, binding: Binding, operand: Any) -> Any:
    attrs = binding.value.attrs
    widths = [int(width) for width in attrs.pad_width]
    if str(attrs.pad_mode) != "constant" or min(widths, default=0) < 0:
        return None
    value = float(attrs.pad_value)
    value = value if dtype_of(operand) == "float32" else float(round(value))
    return emit_operator(writer, binding.name, Pad(tuple(widths[0::2]), tuple(widths[1::2]), value), operand)
