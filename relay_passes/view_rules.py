"""Operators on what is viewed (views.py), with their axes or constants remapped so that nothing need be moved.

A rule is given the views of all operands and says what its result is a view of, or None where it needs the operands in
one piece of memory in their own layout.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias, cast

import numpy as np

from tinyseg_tvm.operators import (
    ArgMax,
    Concat,
    Dense,
    Elementwise,
    ElementwiseConstant,
    Operator,
    Pad,
    Pointwise,
    Rearrange,
    Reduce,
    Reshape,
    Select,
    Slice,
    Softmax,
    Transpose,
)
from tinyseg_tvm.operators.constant import Constant
from tinyseg_tvm.operators.matmul import Matmul
from tinyseg_tvm.relay_passes import layouts
from tinyseg_tvm.relay_passes.binary_expressions import as_pointwise
from tinyseg_tvm.relay_passes.expressions import Call, Expr, shape_of
from tinyseg_tvm.relay_passes.layouts import Permutation
from tinyseg_tvm.relay_passes.matmul_views import matmul
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall
from tinyseg_tvm.relay_passes.softmax_across_lines import softmax_across_lines
from tinyseg_tvm.relay_passes.views import View, Views

ViewRule: TypeAlias = Callable[[Views, str, OperatorCall, list[View]], "View | None"]


def same_shapes(views: Views, name: str, operands: list[View], make: Callable[[list[Expr]], Call]) -> View:
    """Compute element by element on what is viewed, where all operands are viewed alike, or else in one layout."""
    first = operands[0]
    alike = all(
        shape_of(v.base) == shape_of(first.base)
        and (v.early, v.permutation, v.late) == (first.early, first.permutation, first.late)
        for v in operands
    )
    if alike:
        value = views.rewrite.emit(make([v.base for v in operands]), name)
        return replace(first, base=value, name=name)
    permutation = _agreed(views, operands)
    value = views.rewrite.emit(make([views.in_layout(v, permutation) for v in operands]), name)
    return View.of(value, name).transpose(permutation, name)


def _agreed(
    views: Views, operands: list[View], fits: Callable[[Permutation], bool] = lambda _permutation: True
) -> Permutation:
    """The permutation for which least bytes of the operands have to be moved; the most frequent of equals.

    Only those that ``fits`` allows, which the identity is. Constants are stored in any.
    """
    operands = [operand for operand in operands if not views.is_constant(operand)] or operands
    own = layouts.identity(len(operands[0].shape))
    counted = Counter(v.layout for v in operands)
    candidates = sorted(filter(fits, {*counted, own}), key=lambda p: (-counted[p], p == own, p))

    def moved(candidate: Permutation) -> int:
        total = 0
        for view in operands:
            relative = layouts.compose(view.permutation, layouts.inverse(candidate)) if view.late is None else None
            if relative is None or not layouts.keeps_order(view.early, relative):
                total += math.prod(view.shape)
        return total

    return min(candidates, key=moved)


def _transpose(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    return views.transpose(operands[0], cast(Transpose, call.operator).permutation, name)


def _reshape(_views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    return operands[0].reshape(cast(Reshape, call.operator).shape, name)


def _constant(views: Views, name: str, call: OperatorCall, _operands: list[View]) -> View:
    return View.of(views.rewrite.emit(call.to_relax(), name), name)


def _rearrange(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    operator = cast(Rearrange, call.operator)
    split = operands[0].reshape(operator.early, name)
    return views.transpose(split, operator.permutation, name).reshape(operator.shape, name)


def _unary(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    return replace(operands[0], base=views.rewrite.emit(call.on(operands[0].base).to_relax(), name), name=name)


def _elementwise(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View | None:
    if operands[0].shape == operands[1].shape:
        return same_shapes(views, name, operands, lambda made: call.on(*made).to_relax())
    for index, (full, single) in enumerate((operands, operands[::-1])):
        if math.prod(single.shape) == 1 and len(single.shape) <= len(full.shape):
            made = [full.base, views.materialise(single)]
            value = views.rewrite.emit(call.on(*(made[::-1] if index else made)).to_relax(), name)
            return replace(full, base=value, name=name)
    if len(operands[0].shape) != len(operands[1].shape):
        return None

    def broadcasts(permutation: Permutation) -> bool:
        """One value per channel is what the operator broadcasts only where the channels lie last."""
        stored = [layouts.permuted(view.shape, layouts.inverse(permutation)) for view in operands]
        return any(
            math.prod(small) == 1 or small == (1,) * (len(full) - 1) + full[-1:]
            for full, small in (stored, stored[::-1])
        )

    written = None if broadcasts(_agreed(views, operands)) else as_pointwise(call)
    if written is not None:
        return _pointwise(views, name, written, operands)
    return _axiswise(views, name, call, operands, lambda _permutation: call.operator, broadcasts)


def _elementwise_constant(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View | None:
    other = call.constants["other"]
    view = operands[0]
    if other.size == 1:
        return _unary(views, name, call, operands)
    if other.shape != view.shape and not _is_last(view) and view.late is None:
        padded = other.reshape((1,) * (len(view.shape) - 1) + other.shape)
        written = as_pointwise(call, padded)
        return None if written is None else _pointwise(views, name, written, operands)
    if other.shape != view.shape or view.late is not None:
        return None
    stored = (
        np.broadcast_to(other, view.shape).transpose(layouts.inverse(view.permutation)).reshape(shape_of(view.base))
    )
    return _unary(views, name, replace(call, constants={"other": np.ascontiguousarray(stored)}), operands)


def _pointwise(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View | None:
    constants, operator = call.constants, cast(Pointwise, call.operator)
    shape = operands[0].shape
    if not constants and not operator.summed and all(view.shape == shape for view in operands):
        return same_shapes(views, name, operands, lambda made: call.on(*made).to_relax())
    if {len(view.shape) for view in operands} | {array.ndim for array in constants.values()} != {len(shape)}:
        return None
    permutation = _agreed(views, operands)
    stored = layouts.inverse(permutation)
    moved = {constant: np.ascontiguousarray(array.transpose(stored)) for constant, array in constants.items()}

    def remap(permutation: Permutation) -> Pointwise:
        return replace(operator, summed=tuple(sorted(permutation[axis] for axis in operator.summed)))

    return _axiswise(views, name, replace(call, constants=moved), operands, remap)


def _concat(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    axis = cast(Concat, call.operator).axis
    return _axiswise(views, name, call, operands, lambda permutation: Concat(permutation[axis]))


def _pad(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    operator = cast(Pad, call.operator)

    def remap(permutation: Permutation) -> Pad:
        stored = layouts.inverse(permutation)
        return Pad(layouts.permuted(operator.before, stored), layouts.permuted(operator.after, stored), operator.value)

    return _axiswise(views, name, call, operands, remap)


def _slice(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    operator = cast(Slice, call.operator)

    def remap(permutation: Permutation) -> Slice:
        stored = layouts.inverse(permutation)
        return Slice(*(layouts.permuted(f, stored) for f in (operator.begin, operator.end, operator.strides)))

    return _axiswise(views, name, call, operands, remap)


def _select(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    axis = cast(Select, call.operator).axis
    return _axiswise(views, name, call, operands, lambda permutation: Select(permutation[axis]))


def _reduce(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    operator, shape = cast(Reduce, call.operator), operands[0].shape
    last = len(shape) - 1

    def remap(permutation: Permutation) -> Reduce:
        return replace(operator, axes=tuple(sorted(permutation[axis] for axis in operator.axes)))

    def fits(permutation: Permutation) -> bool:
        """The axes lie close enough together; groups are of the last axis."""
        stored = layouts.permuted(shape, layouts.inverse(permutation))
        try:
            remap(permutation).span(stored)
        except ValueError:
            return False
        return not operator.groups or permutation[last] == last

    return _axiswise(views, name, call, operands, remap, fits)


def _axiswise(
    views: Views,
    name: str,
    call: OperatorCall,
    operands: list[View],
    remap: Callable[[Permutation], Operator],
    fits: Callable[[Permutation], bool] = lambda _permutation: True,
) -> View:
    """Compute in the operands' common layout, one that ``fits``, with the operator's axes remapped."""
    permutation = _agreed(views, operands, fits)
    stored = tuple(views.in_layout(v, permutation) for v in operands)
    remapped = OperatorCall(remap(permutation), stored, call.constants)
    return View.of(views.rewrite.emit(remapped.to_relax(), name), name).transpose(permutation, name)


def _last_axis(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View | None:
    """Softmax and ArgMax: any layout whose last axis is the view's last axis."""
    view = operands[0]
    if not view.shape:
        return None
    if shape_of(view.base)[-1:] != view.shape[-1:] or (view.late is None and not _is_last(view)):
        return _with_axis_last(views, name, call, view)
    if not view.in_order:
        moves = view.late is None and view.permutation[-1] == len(view.shape) - 1
        return _unary(views, name, call, operands) if moves and isinstance(call.operator, Softmax) else None
    value = views.rewrite.emit(call.on(view.base).to_relax(), name)
    if isinstance(call.operator, ArgMax):
        shape = (*view.shape[:-1], 1) if call.operator.keepdims else view.shape[:-1]
    else:
        shape = view.shape
    return View.of(value, name).reshape(shape, name)


def _is_last(view: View) -> bool:
    """Whether the view's last axis, or what it is a part of, is stored last."""
    return view.in_order or view.permutation[-1] == len(view.shape) - 1


def _with_axis_last(views: Views, name: str, call: OperatorCall, view: View) -> View | None:
    """Of an axis that does not lie last: moved there, all others as they lie, so that rows stay lines."""
    stored = layouts.inverse(view.layout)
    last = len(stored) - 1
    if stored[0] != 0 or view.shape[0] != 1 or isinstance(call.operator, ArgMax):
        return None
    if stored.index(last) == 1:
        across = softmax_across_lines(views.rewrite, name, call, view.base)
        if across is not None:
            return replace(view, base=across, name=name)
    permutation = layouts.inverse((*(axis for axis in stored if axis != last), last))
    value = views.rewrite.emit(call.on(views.in_layout(view, permutation)).to_relax(), name)
    return View.of(value, name).transpose(permutation, name)


def _dense(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View | None:
    """One input vector in any order and shape, by permuting the weights' columns."""
    operator, view = call.operator, operands[0]
    assert isinstance(operator, Dense)
    weight = call.constants["weight"]
    if math.prod(view.shape) != weight.shape[1]:
        return None
    if view.in_order and shape_of(view.base) == (1, weight.shape[1]):
        flattened = call.on(view.base)
    else:
        stored = np.empty_like(weight)
        if operator.flatten or view.shape[-1] == weight.shape[1]:
            stored[:, view.order] = weight
        flattened = OperatorCall(replace(operator, flatten=True), (view.base,), {**call.constants, "weight": stored})
    value = views.rewrite.emit(flattened.to_relax(), name)
    shape = (1, weight.shape[0]) if operator.flatten else (*view.shape[:-1], weight.shape[0])
    return View.of(value, name).reshape(shape, name)


_RULES: dict[type, ViewRule] = {
    Constant: _constant,
    Transpose: _transpose,
    Rearrange: _rearrange,
    Reduce: _reduce,
    Reshape: _reshape,
    Elementwise: _elementwise,
    ElementwiseConstant: _elementwise_constant,
    Concat: _concat,
    Pad: _pad,
    Pointwise: _pointwise,
    Select: _select,
    Slice: _slice,
    Softmax: _last_axis,
    ArgMax: _last_axis,
    Dense: _dense,
    Matmul: matmul,
}
"""By operator class, for those that have more to do than ``each_element``."""


def rule_for(operator: Operator) -> ViewRule | None:
    """How an operator computes on what is viewed; None where it needs its operands in their own layout."""
    return _unary if operator.each_element else _RULES.get(type(operator))
