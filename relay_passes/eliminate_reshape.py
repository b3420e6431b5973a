"""Reshapes at the edges become ports, before dense layers flattening; chains of them become one.

What transposes and reshapes of the model leave over is mostly gone after eliminate_transposes; this pass
removes what later passes expose and what that one could not decide. A reshape between operators stays, as a
copy in place that costs no memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from tvm import relax

from tinyseg_tvm.operators import Dense, Reshape
from tinyseg_tvm.relay_passes.dataflow import Binding, Dataflow
from tinyseg_tvm.relay_passes.expressions import Expr, Module, Var, dtype_of, shape_of
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall, called_operator, emit_operator, operator_call
from tinyseg_tvm.relay_passes.ports import read_ports, write_ports
from tinyseg_tvm.relay_passes.rewriting import Rewrite, module_pass, rewrite_main


@module_pass("eliminate_reshape")
def eliminate_reshape(module: Module) -> Module:
    """Remove reshapes that need no data movement."""
    flow = Dataflow.of(module)
    ports = read_ports(module)
    readers = flow.readers()
    reshaped = {param: _reshaped_parameter(param, readers.get(param, [])) for param in flow.params}

    def rule(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
        call = operator_call(value)
        if call is None or not call.activations:
            return None
        operand = reshaped.get(call.activations[0], call.activations[0])
        source = _source(rewrite, operand)
        if isinstance(call.operator, Reshape):
            if shape_of(source) == call.operator.shape:
                return source
            return rewrite.emit(call.on(source).to_relax(), name)
        if isinstance(call.operator, Dense) and not source.same_as(operand):
            width = call.constants["weight"].shape[1]
            if math.prod(shape_of(source)) == width and len(shape_of(value)) == 2:
                return OperatorCall(replace(call.operator, flatten=True), (source,), call.constants).to_relax()
        return None

    def results(rewrite: Rewrite, found: list[Expr]) -> list[Expr]:
        write_ports(rewrite, ports)
        return [_output(rewrite, old, _source(rewrite, new)) for old, new in zip(flow.results, found, strict=True)]

    return rewrite_main(module, [rule], parameters=list(reshaped.values()), results=results)


def _source(rewrite: Rewrite, expression: Expr) -> Expr:
    """What ``expression`` was before it was reshaped; chains are one reshape by then."""
    call = operator_call(rewrite.producer(expression))
    return call.activations[0] if call is not None and isinstance(call.operator, Reshape) else expression


def _output(rewrite: Rewrite, old: Expr, value: Expr) -> Expr:
    """A result in place of the variable ``old``: a tensor of its own, so what only passes through is copied."""
    if not any(value.same_as(param) for param in rewrite.parameters):
        return value
    return emit_operator(rewrite, f"{old.name}_copy", Reshape(shape_of(value)), value)


def _reshaped_parameter(param: Var, readers: Sequence[Binding | None]) -> Var:
    """The parameter in the one shape into which all its readers reshape it, or as it is."""
    operators = [called_operator(reader.value) if reader is not None else None for reader in readers]
    wanted = {operator.shape if isinstance(operator, Reshape) else None for operator in operators}
    shape = next(iter(wanted)) if len(wanted) == 1 else None
    return param if shape is None else relax.Var(param.name, relax.TensorType(shape, dtype_of(param)))
