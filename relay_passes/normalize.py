"""Fewer forms of the same thing: what the later rules need not know.

* squeeze, expand_dims and flatten become reshape; split becomes strided_slice; a reshape, transpose, slice, pad or cast
  that changes nothing disappears;
* one-dimensional convolution and pooling become two-dimensional with W = 1;
* normalisations and logarithms of softmax become reductions and functions of each element (normalizations.py);
* a clip by two calls of maximum and minimum becomes one ``clip``.

Values are untouched, but for the rounding of what is spelled: the result computes the same floats.
"""

from __future__ import annotations

import numpy as np
from tvm import relax

from tinyseg_tvm.relay_passes.expressions import (
    Expr,
    Var,
    array_of,
    dtype_of,
    has_static_shape,
    is_call,
    is_constant,
    shape_of,
)
from tinyseg_tvm.relay_passes.normalizations import spell_layer_norm, spell_log_softmax
from tinyseg_tvm.relay_passes.rewriting import Rewrite, main_pass


def reshape_like(_rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """Squeeze, expand_dims and flatten are reshapes."""
    if not is_call(value, "squeeze", "expand_dims", "nn.batch_flatten", "flatten") or not has_static_shape(value):
        return None
    if shape_of(value) == shape_of(value.args[0]):
        return value.args[0]
    return relax.op.reshape(value.args[0], shape_of(value))


def split_to_slice(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """Item ``i`` of a split is a slice."""
    if not isinstance(value, relax.TupleGetItem):
        return None
    split = rewrite.producing_call(value.tuple_value, "split")
    if split is None or not has_static_shape(split.args[0]):
        return None
    axis = int(split.attrs.axis) % len(shape_of(split.args[0]))
    fields = split.ty.fields
    begin = sum(int(field.shape[axis]) for field in fields[: value.index])
    return relax.op.strided_slice(split.args[0], [axis], [begin], [begin + int(fields[value.index].shape[axis])])


def conv1d_to_conv2d(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """(N, C, L) becomes (N, C, L, 1), and so do the weights."""
    if not is_call(value, "nn.conv1d", "nn.conv1d_transpose") or value.attrs.data_layout != "NCW":
        return None
    attributes = value.attrs
    data = _with_width(rewrite, value.args[0], name)
    weight = _with_width(rewrite, value.args[1], name)
    before, after = attributes.padding
    options = {
        "strides": (int(attributes.strides[0]), 1),
        "padding": (int(before), 0, int(after), 0),
        "dilation": (int(attributes.dilation[0]), 1),
        "groups": int(attributes.groups),
    }
    if is_call(value, "nn.conv1d"):
        result = relax.op.nn.conv2d(data, weight, **options)
    else:
        options["output_padding"] = (int(attributes.output_padding[0]), 0)
        result = relax.op.nn.conv2d_transpose(data, weight, **options)
    return relax.op.reshape(rewrite.emit(result, name), shape_of(value))


def pool1d_to_pool2d(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
    """(N, C, L) becomes (N, C, L, 1)."""
    if not is_call(value, "nn.max_pool1d", "nn.avg_pool1d") or value.attrs.layout != "NCW":
        return None
    attributes = value.attrs
    before, after = attributes.padding
    pool = relax.op.nn.max_pool2d if is_call(value, "nn.max_pool1d") else relax.op.nn.avg_pool2d
    result = pool(
        _with_width(rewrite, value.args[0], name),
        (int(attributes.pool_size[0]), 1),
        strides=(int(attributes.strides[0]), 1),
        padding=(int(before), 0, int(after), 0),
        dilation=(int(attributes.dilation[0]), 1),
        ceil_mode=bool(attributes.ceil_mode),
        count_include_pad=bool(attributes.count_include_pad),
    )
    return relax.op.reshape(rewrite.emit(result, name), shape_of(value))


def maximum_minimum_to_clip(rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """``minimum(maximum(x, low), high)`` with scalar constants is a clip; the upper bound wins where they cross."""
    outer = _scalar_bound(value, "minimum")
    if outer is None or not dtype_of(value).startswith("float"):
        return None
    inner = rewrite.producer(outer[0])
    lower = (inner.args[0], 0.0) if is_call(inner, "nn.relu") else _scalar_bound(inner, "maximum")
    if lower is None:
        return None
    data, low = lower
    return relax.op.clip(data, relax.prim_value(float(min(low, outer[1]))), relax.prim_value(float(outer[1])))


def drop_identity(_rewrite: Rewrite, value: Expr, _name: str) -> Expr | None:
    """A call that changes neither elements nor shape gives way to its operand."""
    if is_call(value, "reshape") and has_static_shape(value) and shape_of(value) == shape_of(value.args[0]):
        return value.args[0]
    if is_call(value, "permute_dims") and value.attrs.axes is not None:
        axes = [int(axis) % len(value.attrs.axes) for axis in value.attrs.axes]
        if axes == sorted(axes):
            return value.args[0]
    if is_call(value, "astype") and dtype_of(value) == dtype_of(value.args[0]):
        return value.args[0]
    if is_call(value, "strided_slice") and has_static_shape(value):
        strides = value.args[4].fields if len(value.args) > 4 else []
        if shape_of(value) == shape_of(value.args[0]) and all(int(stride) > 0 for stride in strides):
            return value.args[0]
    if is_call(value, "nn.pad") and not any(int(amount) for amount in value.attrs.pad_width):
        return value.args[0]
    return None


def _with_width(rewrite: Rewrite, expression: Expr, name: str) -> Var:
    return rewrite.emit(relax.op.reshape(expression, (*shape_of(expression), 1)), f"{name}_nchw")


def _scalar_bound(value: Expr, operator: str) -> tuple[Expr, float] | None:
    """Operand and bound of ``maximum`` or ``minimum`` with a one-element constant that is no NaN."""
    if not is_call(value, operator):
        return None
    for data, bound in (value.args, reversed(value.args)):
        if is_constant(bound) and array_of(bound).size == 1 and not is_constant(data):
            number = float(array_of(bound).flat[0])
            if not np.isnan(number) and len(shape_of(bound)) <= len(shape_of(data)):
                return data, number
    return None


normalize = main_pass(
    "normalize",
    reshape_like,
    split_to_slice,
    conv1d_to_conv2d,
    pool1d_to_pool2d,
    maximum_minimum_to_clip,
    spell_layer_norm,
    spell_log_softmax,
    drop_identity,
)
