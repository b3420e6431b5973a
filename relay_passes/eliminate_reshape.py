"""Reshapes at the edges become ports, before dense layers flattening; chains of them become one.

What transposes and reshapes of the model leave over is mostly gone after eliminate_transposes; this pass
removes what later passes expose and what that one could not decide. A reshape between operators stays, as a
copy in place that costs no memory.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import tvm
from tvm import relax

from tinyseg_tvm.operators import Dense, FloatDense, Reshape
from tinyseg_tvm.relay_passes.dataflow import (
    MAIN,
    Binding,
    Dataflow,
    Rewriter,
    dtype_of,
    module_pass,
    rewrite,
    shape_of,
)
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall, emit_operator, operator_call
from tinyseg_tvm.relay_passes.ports import read_ports, write_ports


@module_pass("eliminate_reshape")
def eliminate_reshape(module: tvm.IRModule) -> tvm.IRModule:
    """Remove reshapes that need no data movement."""
    flow = Dataflow.of(module[MAIN])
    ports = read_ports(module)
    uses = flow.uses()
    shapes = {param: _wanted_shape(uses.get(param, [])) for param in flow.params}
    calls = {binding.var: operator_call(binding.value) for binding in flow.bindings}
    reshaped: dict[Any, Any] = {}

    def params(old: Dataflow) -> list[Any]:
        return [
            param if shapes[param] is None else relax.Var(param.name, relax.TensorType(shapes[param], dtype_of(param)))
            for param in old.params
        ]

    def rule(writer: Rewriter, binding: Binding) -> Any:
        call = calls[binding.var]
        if call is None:
            return None
        call = call.on(*(writer.substitute(a) for a in call.activations))
        if isinstance(call.operator, Reshape):
            source = reshaped.get(call.activations[0], call.activations[0])
            if shape_of(source) == call.operator.shape:
                return source
            value = writer.emit(call.on(source).to_relax(), binding.name)
            reshaped[value] = source
            return value
        if isinstance(call.operator, (Dense, FloatDense)) and call.activations[0] in reshaped:
            width = call.constants["weight"].shape[1]
            source = reshaped[call.activations[0]]
            if math.prod(shape_of(source)) == width and len(shape_of(binding.var)) == 2:
                flattening = OperatorCall(replace(call.operator, flatten=True), (source,), call.constants)
                return writer.emit(flattening.to_relax(), binding.name)
        return writer.emit(call.to_relax(), binding.name)

    def results(writer: Rewriter) -> list[Any]:
        write_ports(writer, ports)
        found: list[Any] = []
        for result in writer.old.results:
            value = writer.substitute(result)
            value = reshaped.get(value, value)
            if any(value.same_as(param) for param in writer.params):
                # An output is a tensor of its own: what only passes through is copied.
                value = emit_operator(
                    writer, writer.derived_name(str(result.name), "copy"), Reshape(shape_of(value)), value
                )
            found.append(value)
        return found

    return rewrite(module, rule, params=params, results=results)


def _wanted_shape(readers: list[Binding | None]) -> tuple[int, ...] | None:
    """The one shape into which all readers of a parameter reshape it, or None."""
    calls = [operator_call(reader.value) if reader is not None else None for reader in readers]
    wanted = {call.operator.shape if call and isinstance(call.operator, Reshape) else None for call in calls}
    return next(iter(wanted)) if len(wanted) == 1 else None
