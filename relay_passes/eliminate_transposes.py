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
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tvm import relax

from tinyseg_tvm.operators import Operator, Pointwise, Rearrange, Reshape, Transpose
from tinyseg_tvm.relay_passes import layouts
from tinyseg_tvm.relay_passes.dataflow import Dataflow
from tinyseg_tvm.relay_passes.expressions import (
    Call,
    Expr,
    Module,
    Var,
    dtype_of,
    is_tensor,
    is_variable,
    shape_of,
    substitute,
)
from tinyseg_tvm.relay_passes.layouts import Permutation, Shape
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall, operator_call
from tinyseg_tvm.relay_passes.operators_registration import tensor_type
from tinyseg_tvm.relay_passes.ports import PORTS, Ports, read_ports, write_ports
from tinyseg_tvm.relay_passes.rewriting import Rewrite, module_pass, rewrite_main
from tinyseg_tvm.relay_passes.view_rules import rule_for, same_shapes
from tinyseg_tvm.relay_passes.views import View, Views

ELEMENTWISE_NAMES = """
    abs ceil cos erf exp floor log negative round rsqrt sigmoid sign sin sqrt square tanh clip astype
    nn.relu nn.gelu nn.gelu_tanh nn.silu nn.leakyrelu nn.softplus
    add subtract multiply divide maximum minimum power
"""
FLOAT_ELEMENTWISE = frozenset(f"relax.{name}" for name in ELEMENTWISE_NAMES.split())
"""Relax operators that compute element by element on operands of equal shapes and scalars."""


_PIXELS = (0, 2, 3, 1)  # from NCHW


@dataclass(frozen=True)
class Layout:
    """A parameter on the device: the model's tensor permuted, then reshaped to ``shape``."""

    permutation: Permutation
    shape: Shape


@module_pass("eliminate_transposes")
def eliminate_transposes(module: Module) -> Module:
    """Remove all data movement that layouts can express."""
    model = tuple(_model_layout(param) for param in Dataflow.of(module).params)
    best, chosen = _propagate(module, model), model
    if PORTS in Dataflow.of(module).attrs:
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


def _model_layout(param: Var) -> Layout:
    shape = shape_of(param)
    return Layout(layouts.identity(len(shape)), shape)


def _cost(module: Module) -> tuple[int, int, int]:
    """Bytes moved by what takes whole maps or kept for sums across lines, bytes moved by line, number of reshapes."""
    maps = lines = reshapes = 0
    for binding in Dataflow.of(module).bindings:
        found = operator_call(binding.value)
        if found is not None and isinstance(found.operator, (Transpose, Rearrange)):
            operand, result = tensor_type(found.activations[0].ty), tensor_type(binding.var.ty)
            if found.operator.line_access([operand], [result], {}).whole_reads[0]:
                maps += result.bytes
            else:
                lines += result.bytes
        elif found is not None and isinstance(found.operator, Reshape):
            reshapes += 1
        elif found is not None and isinstance(found.operator, Pointwise) and found.operator.summed:
            operand = tensor_type(found.activations[0].ty)
            maps += operand.bytes if operand.line_axis in found.operator.summed else 0
    return maps, lines, reshapes


def _candidates(module: Module, chosen: tuple[Layout, ...], number: int) -> list[Layout]:
    """Layouts of one parameter that would spare the movement it meets first, after whatever element-wise work."""
    flow = Dataflow.of(module)
    old = chosen[number]
    own_shape = read_ports(module).inputs[number].model_shape
    model_shape = layouts.permuted(own_shape, old.permutation)
    reached, found = {flow.params[number]}, []
    for binding in flow.bindings:
        call = operator_call(binding.value)
        if call is None or not reached.intersection(call.activations[:1]):
            continue
        permutation = _permuting(call.operator)
        if permutation is not None:
            # The model's tensor, permuted as chosen so far, is the transposed one transposed back and reshaped.
            back = layouts.inverse(permutation)
            exchanged = layouts.through_reshape(shape_of(binding.var), back, model_shape)
            if exchanged is not None:
                permutation = layouts.compose(old.permutation, layouts.inverse(exchanged[1]))
                found.append(Layout(permutation, shape_of(binding.var)))
        elif isinstance(call.operator, Reshape):
            found.append(Layout(old.permutation, call.operator.shape))
            reached.add(binding.var)
        elif call.operator.each_element:
            reached.add(binding.var)
    if len(own_shape) == 4 and any(_cost(module)[:2]):  # maps that are sliced or shuffled have no other hint
        found.append(Layout(_PIXELS, layouts.permuted(own_shape, _PIXELS)))
    return list(dict.fromkeys(found))


def _permuting(operator: Operator) -> Permutation | None:
    """The permutation that an operator ends with, all before it being a reshape."""
    if isinstance(operator, Rearrange):
        return (
            operator.permutation if operator.shape == layouts.permuted(operator.early, operator.permutation) else None
        )
    return operator.permutation if isinstance(operator, Transpose) else None


def _propagate(module: Module, param_layouts: tuple[Layout, ...]) -> Module:
    """One forward walk with the given layouts of the parameters."""
    settled = PORTS in Dataflow.of(module).attrs
    walk = _Walk(Dataflow.of(module).params, param_layouts, read_ports(module), settled=settled)
    return rewrite_main(module, [walk.rule], parameters=walk.parameters, results=walk.results)


class _Walk:
    """Views of all that stands for old variables, filled by one forward walk.

    What is viewed and not itself there stands for its old variable under a variable that is never bound; whoever reads
    one reads the view.
    """

    def __init__(self, params: Sequence[Var], param_layouts: Sequence[Layout], ports: Ports, *, settled: bool) -> None:
        self.settled = settled
        self.of: dict[Var, View] = {}
        self.parameters: list[Var] = []
        self.views: Views
        for param, layout in zip(params, param_layouts, strict=True):
            device = relax.Var(param.name, relax.TensorType(layout.shape, dtype_of(param)))
            early = layouts.permuted(shape_of(param), layout.permutation)
            self.of[param] = View(device, early, layouts.inverse(layout.permutation), None, str(param.name))
            self.parameters.append(device)
        if not settled:
            pairs = zip(ports.inputs, param_layouts, strict=True)
            inputs = tuple(replace(port, permutation=layout.permutation) for port, layout in pairs)
            ports = replace(ports, inputs=inputs)
        self.ports = ports

    def rule(self, rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
        """Note a view, compute on what is viewed, or make the operands concrete."""
        self._begin(rewrite)
        call = operator_call(value)
        view = None
        if call is not None:
            view = self._operator(name, call)
        elif isinstance(value, relax.Call):
            view = self._float_elementwise(name, value)
        if view is not None:
            seen = relax.DataflowVar(name, value.ty)
            self.of[seen] = view
            return seen
        made = rewrite.emit(substitute(value, self._concrete), name)
        if is_tensor(made):
            self.of[made] = View.of(made, name)
        return made

    def results(self, rewrite: Rewrite, old: list[Expr]) -> list[Expr]:
        """Results in device layout; what is left to move goes into the ports."""
        self._begin(rewrite)
        found, ports = [], []
        for result, port in zip(old, self.ports.outputs, strict=True):
            view = self._view(result)
            if view is None:
                found.append(result)
                ports.append(port)
                continue
            if view.late is not None or (self.settled and not view.in_order):
                view = View.of(self.views.materialise(view), view.name)
            is_param = any(view.base.same_as(param) for param in rewrite.parameters)
            if is_param or not is_variable(view.base):
                made = self.views.materialise(view)
                copy = OperatorCall(Reshape(view.shape), (made,), {}).to_relax()
                view = View.of(rewrite.emit(copy, view.name, rewrite.quantization.get(made)), view.name)
            found.append(view.base)
            ports.append(port if self.settled else replace(port, permutation=layouts.inverse(view.permutation)))
        write_ports(rewrite, replace(self.ports, outputs=tuple(ports)))
        return found

    def _begin(self, rewrite: Rewrite) -> None:
        if not hasattr(self, "views"):
            self.views = Views(rewrite)

    def _view(self, expression: Expr) -> View | None:
        """The view that an operand or result is; its base is quantised as the operand is."""
        view = self.of.get(expression) if is_variable(expression) else None
        known = self.views.rewrite.quantization
        if view is not None and expression in known and is_variable(view.base):
            known.setdefault(view.base, known[expression])
        return view

    def _concrete(self, variable: Var) -> Expr:
        view = self._view(variable)
        return variable if view is None else self.views.materialise(view)

    def _operator(self, name: str, call: OperatorCall) -> View | None:
        views = [view for view in map(self._view, call.activations) if view is not None]
        rule = rule_for(call.operator)
        return None if rule is None or len(views) < len(call.activations) else rule(self.views, name, call, views)

    def _float_elementwise(self, name: str, call: Call) -> View | None:
        if getattr(call.op, "name", "") not in FLOAT_ELEMENTWISE:
            return None
        viewed = {argument: view for argument in call.args if (view := self._view(argument)) is not None}
        others = [argument for argument in call.args if argument not in viewed]
        if any(is_variable(o) or (hasattr(o.ty, "shape") and math.prod(shape_of(o)) != 1) for o in others):
            return None
        shapes = {view.shape for view in viewed.values()}
        if len(shapes) != 1 or any(len(shape_of(o)) > len(next(iter(shapes))) for o in others if is_tensor(o)):
            return None

        def on(operands: list[Expr]) -> Call:
            stored = dict(zip(viewed, operands, strict=True))
            return relax.Call(call.op, [stored.get(argument, argument) for argument in call.args], call.attrs)

        return same_shapes(self.views, name, list(viewed.values()), on)
