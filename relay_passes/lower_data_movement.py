"""Relax data movement becomes ``relax.tinyseg`` operators: transpose, reshape, concat, slice, select, pad.

Movement of constants is computed here; one that is joined to something else is an operator. ``tinyseg.quantization`` is
completed along the movements.
"""

from __future__ import annotations

import numpy as np
import tvm
from tvm import relax

from tinyseg_tvm.operators import Concat, Pad, Reshape, Select, Slice, Transpose
from tinyseg_tvm.operators.constant import Constant
from tinyseg_tvm.relay_passes.dataflow import Binding, Dataflow, with_main_attrs
from tinyseg_tvm.relay_passes.expressions import (
    Call,
    Expr,
    Module,
    array_of,
    dtype_of,
    is_constant,
    is_variable,
    shape_of,
)
from tinyseg_tvm.relay_passes.operator_calls import emit_operator, operator_call
from tinyseg_tvm.relay_passes.quantization import (
    QUANTIZATION_ATTRIBUTE,
    Quantization,
    quantization_record,
    recorded_quantization,
)
from tinyseg_tvm.relay_passes.rewriting import Rewrite, module_pass, rewrite_main

MOVES = (
    "relax.permute_dims",
    "relax.reshape",
    "relax.flatten",
    "relax.squeeze",
    "relax.expand_dims",
    "relax.concat",
    "relax.strided_slice",
    "relax.nn.pad",
    "relax.take",
)


@module_pass("lower_data_movement")
def lower_data_movement(module: Module) -> Module:
    """Replace Relax data movement by tinyseg operators."""
    return _with_spread_quantization(rewrite_main(module, [_lower]))


def _with_spread_quantization(module: Module) -> Module:
    """Record for both sides of a movement what is known of one: the passes after this one remove movements."""
    flow = Dataflow.of(module)
    known = recorded_quantization(flow.attrs, (*flow.params, *(binding.var for binding in flow.bindings)))
    pairs = [(operand, binding.var) for binding in flow.bindings for operand in _moved(binding)]
    for operand, result in reversed(pairs):
        if result in known:
            known.setdefault(operand, known[result])
    for operand, result in pairs:
        if operand in known:
            known.setdefault(result, known[operand])
    record = quantization_record({str(var.name): quantization for var, quantization in known.items()})
    return with_main_attrs(module, {QUANTIZATION_ATTRIBUTE: record})


def _moved(binding: Binding) -> tuple[Expr, ...]:
    """The operands that a binding moves without changing an element."""
    call = operator_call(binding.value)
    return call.activations if call is not None and call.operator.keeps_quantization else ()


def _lower(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    if not isinstance(value, relax.Call) or getattr(value.op, "name", "") not in MOVES:
        return None
    operand = value.args[0]
    if is_constant(operand):
        return _fold(value)
    kind = value.op.name
    if kind == "relax.concat":
        return _concat(rewrite, value, name)
    if kind == "relax.permute_dims":
        return emit_operator(rewrite, name, Transpose(_axes(value)), operand)
    if kind == "relax.strided_slice":
        return _slice(rewrite, value, name)
    if kind == "relax.nn.pad":
        return _pad(rewrite, value, name)
    if kind == "relax.take":
        return _take(rewrite, value, name)
    return emit_operator(rewrite, name, Reshape(shape_of(value)), operand)


def _axes(value: Call) -> tuple[int, ...]:
    rank = len(shape_of(value.args[0]))
    if value.attrs.axes is None:
        return tuple(reversed(range(rank)))
    return tuple(int(axis) % rank for axis in value.attrs.axes)


def _fold(value: Call) -> Expr | None:
    """Movement of a constant, as a constant; None where it is left as it is."""
    array = value.args[0].value.numpy()
    if value.op.name == "relax.permute_dims":
        return relax.const(np.ascontiguousarray(array.transpose(_axes(value))))
    if value.op.name in ("relax.concat", "relax.strided_slice", "relax.nn.pad", "relax.take"):
        return None
    return relax.const(array.reshape(shape_of(value)))


def _concat(rewrite: Rewrite, value: Call, name: str) -> Expr | None:
    bundle = value.args[0]
    if not isinstance(bundle, relax.Tuple) or not any(is_variable(field) for field in bundle.fields):
        return None
    known = rewrite.quantization.get(next(field for field in bundle.fields if is_variable(field)))
    axis = 0 if value.attrs.axis is None else int(value.attrs.axis) % len(shape_of(value))
    fields = [
        field if is_variable(field) else _stored(rewrite, f"{name}_constant", field, known) for field in bundle.fields
    ]
    return emit_operator(rewrite, name, Concat(axis), *fields)


def _stored(rewrite: Rewrite, name: str, constant: Expr, quantization: Quantization | None) -> Expr:
    """A constant as lines that are copied from flash when they are read."""
    stored = emit_operator(rewrite, name, Constant(), values=array_of(constant))
    if quantization is not None:
        rewrite.quantization[stored] = quantization
    return stored


def _slice(rewrite: Rewrite, value: Call, name: str) -> Expr | None:
    shape = shape_of(value.args[0])
    numbers = [_integers(argument) for argument in value.args[1:]]
    if any(found is None for found in numbers):
        return None
    axes, begins, ends, *rest = [found or [] for found in numbers]
    strides = rest[0] if rest else [1] * len(axes)
    begin, end, step = [0] * len(shape), list(shape), [1] * len(shape)
    backwards: dict[int, range] = {}
    for place, axis in enumerate(axes):
        extent = shape[axis]
        bounds = slice(begins[place], ends[place], strides[place]).indices(extent)
        if strides[place] < 0:
            backwards[axis] = range(*bounds)
        else:
            begin[axis], end[axis], step[axis] = bounds
    operand = value.args[0]
    if not backwards or len(backwards) < len(axes):
        operand = emit_operator(rewrite, name, Slice(tuple(begin), tuple(end), tuple(step)), operand)
    for axis, places in backwards.items():
        operand = emit_operator(rewrite, name, Select(axis), operand, indices=np.array(places, np.int32))
    return operand


def _take(rewrite: Rewrite, value: Call, name: str) -> Expr | None:
    """Places by constant indices; indices of another rank than 1 are a reshape behind it."""
    data, given = value.args
    if not is_constant(given):
        return None
    shape, indices = shape_of(data), given.value.numpy().astype(np.int64)
    axis = int(value.attrs.axis or 0) % max(len(shape), 1)
    if not shape or not indices.size or (value.attrs.axis is None and len(shape) != 1):
        return None
    indices = np.where(indices < 0, indices + shape[axis], indices)
    if indices.min() < 0 or indices.max() >= shape[axis]:
        return None
    taken = emit_operator(rewrite, name, Select(axis), data, indices=indices.reshape(-1).astype(np.int32))
    return taken if indices.ndim == 1 else emit_operator(rewrite, name, Reshape(shape_of(value)), taken)


def _integers(argument: Expr) -> list[int] | None:
    """The integers of a Relax tuple or shape, or None where they are not static."""
    fields = argument.fields if isinstance(argument, relax.Tuple) else getattr(argument, "values", None)
    if fields is None:
        return None
    values = [getattr(field, "value", field) for field in fields]
    return [int(value) for value in values] if all(isinstance(v, (int, tvm.tirx.IntImm)) for v in values) else None


def _pad(rewrite: Rewrite, value: Call, name: str) -> Expr | None:
    widths = [int(width) for width in value.attrs.pad_width]
    if str(value.attrs.pad_mode) != "constant" or min(widths, default=0) < 0:
        return None
    filler = float(value.attrs.pad_value)
    filler = filler if dtype_of(value) == "float32" else float(round(filler))
    return emit_operator(rewrite, name, Pad(tuple(widths[0::2]), tuple(widths[1::2]), filler), value.args[0])
