"""Transposes and reshapes travel through the network until they meet their inverse, an edge, or no way on.

In one forward walk every transpose and reshape is only noted as a view (views.py). Operators that do not care
for the layout (elementwise arithmetic, lookups, quantisation, concat, pad, slice, ...) compute on what is
viewed, their axes remapped; dense layers take any order by permuting their weights' columns. Operators with a
layout of their own get the movement that is left at this point, which is none after a convolution that was
wrapped in transposes. At the results the movement that remains is folded into the port; the layout of
each parameter is chosen, by trying, such that the least movement remains.

Afterwards ``tinyseg.ports`` on ``main`` describes how each parameter and result maps to the model's. Where it is
there already, the ports' permutations are left alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tvm
from tvm import relax

from tinyseg_tvm.operators import (
    ArgMax,
    Concat,
    Dense,
    Dequantize,
    Elementwise,
    ElementwiseConstant,
    FloatClip,
    FloatDense,
    FloatElementwise,
    FloatElementwiseConstant,
    Lookup,
    Pad,
    Quantize,
    Reshape,
    Slice,
    Softmax,
    Transpose,
)
from tinyseg_tvm.relay_passes import layouts
from tinyseg_tvm.relay_passes.dataflow import (
    MAIN,
    Binding,
    Dataflow,
    Rewriter,
    dtype_of,
    module_pass,
    rewrite,
    shape_of,
    variables,
)
from tinyseg_tvm.relay_passes.layouts import Permutation, Shape
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall, operator_call
from tinyseg_tvm.relay_passes.ports import PORTS, Ports, read_ports, write_ports
from tinyseg_tvm.relay_passes.views import View, Views

ELEMENTWISE_NAMES = """
    abs ceil cos erf exp floor log negative round rsqrt sigmoid sign sin sqrt square tanh clip astype
    nn.relu nn.gelu nn.gelu_tanh nn.silu nn.leakyrelu nn.softplus
    add subtract multiply divide maximum minimum power
"""
FLOAT_ELEMENTWISE = frozenset(f"relax.{name}" for name in ELEMENTWISE_NAMES.split())
"""Relax operators that compute element by element on operands of equal shapes and scalars."""


@dataclass(frozen=True)
class Layout:
    """A parameter on the device: the model's tensor permuted, then reshaped to ``shape``."""

    permutation: Permutation
    shape: Shape


@module_pass("eliminate_transposes")
def eliminate_transposes(module: tvm.IRModule) -> tvm.IRModule:
    """Remove all data movement that layouts can express."""
    model = tuple(_model_layout(param) for param in module[MAIN].params)
    best, chosen = _propagate(module, model), model
    if PORTS in Dataflow.of(module[MAIN]).attrs:
        return best
    for number in range(len(model)):
        tried = {chosen[number]}
        while candidates := [c for c in _candidates(best, chosen, number) if c not in tried]:
            for candidate in candidates:
                tried.add(candidate)
                trial_layouts = (*chosen[:number], candidate, *chosen[number + 1 :])
                trial = _propagate(module, trial_layouts)
                if _cost(trial) < _cost(best):
                    best, chosen = trial, trial_layouts
    return best


def _model_layout(param: Any) -> Layout:
    shape = shape_of(param)
    return Layout(layouts.identity(len(shape)), shape)


def _cost(module: tvm.IRModule) -> tuple[int, int]:
    """Bytes moved by transposes, and the number of reshapes."""
    moved = reshapes = 0
    for binding in Dataflow.of(module[MAIN]).bindings:
        found = operator_call(binding.value)
        if found is not None and isinstance(found.operator, Transpose):
            moved += math.prod(shape_of(binding.var)) * np.dtype(dtype_of(binding.var)).itemsize
        elif found is not None and isinstance(found.operator, Reshape):
            reshapes += 1
    return moved, reshapes


def _candidates(module: tvm.IRModule, chosen: tuple[Layout, ...], number: int) -> list[Layout]:
    """Layouts of one parameter that would spare the movement it meets first, after whatever element-wise work."""
    flow = Dataflow.of(module[MAIN])
    old = chosen[number]
    model_shape = layouts.permuted(read_ports(module).inputs[number].model_shape, old.permutation)
    reached, found = {flow.params[number]}, []
    for binding in flow.bindings:
        call = operator_call(binding.value)
        if call is None or call.activations[0] not in reached:
            continue
        if isinstance(call.operator, Transpose):
            # The model's tensor, permuted as chosen so far, is the transposed one transposed back and reshaped.
            back = layouts.inverse(call.operator.permutation)
            exchanged = layouts.through_reshape(shape_of(binding.var), back, model_shape)
            if exchanged is not None:
                permutation = layouts.compose(old.permutation, layouts.inverse(exchanged[1]))
                found.append(Layout(permutation, shape_of(binding.var)))
        elif isinstance(call.operator, Reshape):
            found.append(Layout(old.permutation, call.operator.shape))
            reached.add(binding.var)
        elif isinstance(call.operator, (Lookup, Quantize, Dequantize, FloatClip)):
            reached.add(binding.var)
    return list(dict.fromkeys(found))


def _propagate(module: tvm.IRModule, param_layouts: tuple[Layout, ...]) -> tvm.IRModule:
    """One forward walk with the given layouts of the parameters."""
    walk = _Walk(param_layouts, read_ports(module), settled=PORTS in Dataflow.of(module[MAIN]).attrs)
    return rewrite(module, walk.rule, params=walk.params, results=walk.results)


class _Walk:
    """Views of all old variables, filled by one forward walk."""

    def __init__(self, param_layouts: tuple[Layout, ...], ports: Ports, settled: bool) -> None:
        self.param_layouts = param_layouts
        self.ports = ports
        self.settled = settled
        self.of: dict[Any, View] = {}
        self.views: Views

    def params(self, old: Dataflow) -> list[Any]:
        """New parameters in their device layouts."""
        new = []
        for param, layout in zip(old.params, self.param_layouts, strict=True):
            device = relax.Var(param.name, relax.TensorType(layout.shape, dtype_of(param)))
            early = layouts.permuted(shape_of(param), layout.permutation)
            self.of[param] = View(device, early, layouts.inverse(layout.permutation), None, str(param.name))
            new.append(device)
        if not self.settled:
            pairs = zip(self.ports.inputs, self.param_layouts, strict=True)
            inputs = tuple(replace(port, permutation=layout.permutation) for port, layout in pairs)
            self.ports = replace(self.ports, inputs=inputs)
        return new

    def rule(self, writer: Rewriter, binding: Binding) -> Any:
        """Note a view, compute on what is viewed, or make the operands concrete."""
        if writer.new and not hasattr(self, "views"):
            self.views = Views(writer)
        call = operator_call(binding.value)
        view = None
        if call is not None:
            view = self._operator(writer, binding, call)
        elif isinstance(binding.value, relax.Call):
            view = self._float_elementwise(writer, binding)
        if view is None:
            for var in set(variables(binding.value)):
                if var in self.of:
                    writer.new[var] = self.views.materialise(self.of[var])
            value = writer.emit(writer.substitute(binding.value), binding.name)
            view = View.of(value, binding.name) if _is_tensor(value) else None
        if view is None:
            return value
        self.of[binding.var] = view
        return view.base

    def results(self, writer: Rewriter) -> list[Any]:
        """Results in device layout; what is left to move goes into the ports."""
        found, ports = [], []
        for result, port in zip(writer.old.results, self.ports.outputs, strict=True):
            view = self.of.get(result)
            if view is None:
                found.append(writer.substitute(result))
                ports.append(port)
                continue
            if not hasattr(self, "views"):
                self.views = Views(writer)
            if view.late is not None or (self.settled and not view.in_order):
                view = View.of(self.views.materialise(view), view.name)
            is_param = any(view.base.same_as(param) for param in writer.params)
            if is_param or not isinstance(view.base, relax.Var):
                made = self.views.materialise(view)
                made = writer.emit(OperatorCall(Reshape(view.shape), (made,), {}).to_relax(), view.name)
                view = View.of(made, view.name)
            found.append(view.base)
            ports.append(port if self.settled else replace(port, permutation=layouts.inverse(view.permutation)))
        write_ports(writer, replace(self.ports, outputs=tuple(ports)))
        return found

    def _operator(self, writer: Rewriter, binding: Binding, call: OperatorCall) -> View | None:
        views = [self.of.get(activation) for activation in call.activations]
        if any(view is None for view in views):
            return None
        rule = _RULES.get(type(call.operator))
        return None if rule is None else rule(self.views, binding.name, call, [v for v in views if v is not None])

    def _float_elementwise(self, writer: Rewriter, binding: Binding) -> View | None:
        call = binding.value
        if getattr(call.op, "name", "") not in FLOAT_ELEMENTWISE:
            return None
        viewed = [argument for argument in call.args if argument in self.of]
        others = [argument for argument in call.args if argument not in self.of]
        if any(isinstance(o, relax.Var) or (hasattr(o.ty, "shape") and math.prod(shape_of(o)) != 1) for o in others):
            return None
        if not viewed or any(len(shape_of(o)) > len(shape_of(viewed[0])) for o in others if _is_tensor(o)):
            return None
        if any(shape_of(v) != shape_of(viewed[0]) for v in viewed):
            return None
        views = [self.of[v] for v in viewed]
        return _same_shapes(
            self.views,
            binding.name,
            views,
            lambda operands: relax.Call(
                call.op,
                [
                    dict(zip(viewed, operands, strict=True)).get(a, a) if isinstance(a, relax.Var) else a
                    for a in call.args
                ],
                call.attrs,
            ),
        )


def _is_tensor(value: Any) -> bool:
    return isinstance(value.ty, relax.TensorType) and value.ty.shape is not None


def _same_shapes(views: Views, name: str, operands: list[View], make: Callable[[list[Any]], Any]) -> View:
    """Compute element by element on what is viewed, where all operands are viewed alike, or else in one layout."""
    first = operands[0]
    alike = all(
        shape_of(v.base) == shape_of(first.base)
        and (v.early, v.permutation, v.late) == (first.early, first.permutation, first.late)
        for v in operands
    )
    if alike:
        value = views.writer.emit(make([v.base for v in operands]), name)
        return replace(first, base=value, name=name)
    permutation = _agreed(operands)
    value = views.writer.emit(make([views.in_layout(v, permutation) for v in operands]), name)
    return View.of(value, name).transpose(permutation, name)


def _agreed(operands: list[View]) -> Permutation:
    """The permutation for which least bytes of the operands have to be moved; the most frequent of equals."""
    rank = len(operands[0].shape)
    counted = Counter(v.permutation for v in operands if v.late is None)
    candidates = sorted({*counted, layouts.identity(rank)}, key=lambda p: (-counted[p], p == layouts.identity(rank), p))

    def moved(candidate: Permutation) -> int:
        total = 0
        for view in operands:
            relative = layouts.compose(view.permutation, layouts.inverse(candidate)) if view.late is None else None
            if relative is None or not layouts.keeps_order(view.early, relative):
                total += math.prod(view.shape)
        return total

    return min(candidates, key=moved)


def _transpose(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    assert isinstance(call.operator, Transpose)
    return views.transpose(operands[0], call.operator.permutation, name)


def _reshape(_views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    assert isinstance(call.operator, Reshape)
    return operands[0].reshape(call.operator.shape, name)


def _unary(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    return replace(operands[0], base=views.writer.emit(call.on(operands[0].base).to_relax(), name), name=name)


def _elementwise(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View | None:
    if operands[0].shape == operands[1].shape:
        return _same_shapes(views, name, operands, lambda made: call.on(*made).to_relax())
    if len(operands[0].shape) != len(operands[1].shape):
        return None
    return _axiswise(views, name, call, operands, lambda operator, _permutation: operator)


def _elementwise_constant(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View | None:
    other = call.constants["other"]
    view = operands[0]
    if other.size == 1:
        return _unary(views, name, call, operands)
    if other.shape != view.shape or view.late is not None:
        return None
    stored = (
        np.broadcast_to(other, view.shape).transpose(layouts.inverse(view.permutation)).reshape(shape_of(view.base))
    )
    return _unary(views, name, replace(call, constants={"other": np.ascontiguousarray(stored)}), operands)


def _concat(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    return _axiswise(views, name, call, operands, lambda o, permutation: Concat(permutation[o.axis]))


def _pad(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    def remap(operator: Any, permutation: Permutation) -> Any:
        stored = layouts.inverse(permutation)
        return Pad(layouts.permuted(operator.before, stored), layouts.permuted(operator.after, stored), operator.value)

    return _axiswise(views, name, call, operands, remap)


def _slice(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View:
    def remap(operator: Any, permutation: Permutation) -> Any:
        stored = layouts.inverse(permutation)
        return Slice(*(layouts.permuted(f, stored) for f in (operator.begin, operator.end, operator.strides)))

    return _axiswise(views, name, call, operands, remap)


def _axiswise(
    views: Views,
    name: str,
    call: OperatorCall,
    operands: list[View],
    remap: Callable[[Any, Permutation], Any],
) -> View:
    """Compute in the operands' common layout with the operator's axes remapped."""
    permutation = _agreed(operands)
    stored = tuple(views.in_layout(v, permutation) for v in operands)
    remapped = OperatorCall(remap(call.operator, permutation), stored, call.constants)
    return View.of(views.writer.emit(remapped.to_relax(), name), name).transpose(permutation, name)


def _last_axis(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View | None:
    """Softmax and ArgMax: any layout whose last axis is the view's last axis."""
    view = operands[0]
    if not view.in_order or not view.shape or shape_of(view.base)[-1:] != view.shape[-1:]:
        return None
    value = views.writer.emit(call.on(view.base).to_relax(), name)
    if isinstance(call.operator, ArgMax):
        shape = (*view.shape[:-1], 1) if call.operator.keepdims else view.shape[:-1]
    else:
        shape = view.shape
    return View.of(value, name).reshape(shape, name)


def _dense(views: Views, name: str, call: OperatorCall, operands: list[View]) -> View | None:
    """One input vector in any order and shape, by permuting the weights' columns."""
    operator, view = call.operator, operands[0]
    assert isinstance(operator, (Dense, FloatDense))
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
    value = views.writer.emit(flattened.to_relax(), name)
    shape = (1, weight.shape[0]) if operator.flatten else (*view.shape[:-1], weight.shape[0])
    return View.of(value, name).reshape(shape, name)


_RULES: dict[type, Callable[[Views, str, OperatorCall, list[View]], View | None]] = {
    Transpose: _transpose,
    Reshape: _reshape,
    Lookup: _unary,
    Quantize: _unary,
    Dequantize: _unary,
    Elementwise: _elementwise,
    ElementwiseConstant: _elementwise_constant,
    Concat: _concat,
    Pad: _pad,
    Slice: _slice,
    Softmax: _last_axis,
    ArgMax: _last_axis,
    Dense: _dense,
    FloatClip: _unary,
    FloatElementwise: _elementwise,
    FloatElementwiseConstant: _elementwise_constant,
    FloatDense: _dense,
}
