"""A ``network.Network`` as a lowered module: the inverse of ``to_network``, for networks that no model led to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import tvm_ffi
from tvm import relax

from tinyseg_tvm.network.network import Network, Node, Port, State
from tinyseg_tvm.operators import TensorType
from tinyseg_tvm.operators.opaque import Opaque
from tinyseg_tvm.relay_passes.dataflow import MAIN
from tinyseg_tvm.relay_passes.derived_tensors import DERIVED_ATTRIBUTE, derived_record
from tinyseg_tvm.relay_passes.expressions import Call, Expr, Module, Type, Var
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall
from tinyseg_tvm.relay_passes.operators_registration import stored
from tinyseg_tvm.relay_passes.ports import PORTS, PortRecord, Ports, ports_record
from tinyseg_tvm.relay_passes.quantization import QUANTIZATION_ATTRIBUTE, Quantization, quantization_record


def from_network(network: Network) -> Module:
    """The module whose network it is, its name apart.

    Raises:
        ValueError: a node with one result is not called like that, or two programs have the same name.
    """
    builder = relax.BlockBuilder()
    types = {name: _relax_type(tensor.type) for name, tensor in network.tensors.items()}
    inputs, outputs = network.entering, network.leaving
    parameters = [relax.Var(port.tensor, types[port.tensor]) for port in inputs]
    variables: dict[str, Var] = {str(parameter.name): parameter for parameter in parameters}
    results = {port.tensor for port in outputs}
    programs = _programs(builder, network.nodes)

    def bind(name: str, value: Expr) -> Var:
        value = builder.normalize(value)
        variable = (relax.Var if name in results else relax.DataflowVar)(name, value.ty)
        builder.emit_normalized(relax.VarBinding(variable, value))
        return variable

    with builder.function(MAIN, parameters):
        with builder.dataflow():
            for node in network.nodes:
                operands = [variables[name] for name in node.inputs]
                value = _call(node, operands, [types[name] for name in node.outputs], programs)
                if len(node.outputs) == 1:
                    if node.outputs != (node.name,):
                        raise ValueError(f"node {node.name!r} and its result {node.outputs[0]!r} have two names")
                    variables[node.name] = bind(node.name, value)
                    continue
                bundle = bind(node.name, value)
                for index, name in enumerate(node.outputs):
                    variables[name] = bind(name, relax.TupleGetItem(bundle, index))
            leaves = [variables[port.tensor] for port in outputs]
            result = leaves[0] if len(leaves) == 1 else relax.Tuple(leaves)
            if all(port.tensor in {each.tensor for each in inputs} for port in outputs):
                result = builder.emit_output(result)  # a dataflow block must end in an output
        builder.emit_func_output(result)
    module = builder.get()
    function = module[MAIN]
    for key, value in _attributes(network).items():
        function = function.with_attr(key, value)
    module.update_func(module.get_global_var(MAIN), function)
    return module


def _relax_type(kind: TensorType) -> Type:
    return relax.TensorType(kind.shape, kind.dtype)


def _programs(builder: relax.BlockBuilder, nodes: Sequence[Node]) -> dict[str, Expr]:
    """Adds the PrimFuncs that nodes call; the variables that call them, by label."""
    found: dict[str, tuple[Expr, Expr]] = {}
    for operator in (node.operator for node in nodes):
        if not isinstance(operator, Opaque):
            continue
        if operator.label in found:
            if not tvm_ffi.structural_equal(found[operator.label][1], operator.prim_func):
                raise ValueError(f"two programs have the name {operator.label!r}")
            continue
        variable = builder.add_func(operator.prim_func, operator.label)
        found[operator.label] = variable, operator.prim_func
    return {label: variable for label, (variable, _) in found.items()}


def _call(node: Node, operands: list[Var], results: list[Type], programs: dict[str, Expr]) -> Call:
    if not isinstance(node.operator, Opaque):
        return OperatorCall(node.operator, tuple(operands), node.constants).to_relax()
    constants = {name: stored(value) for name, value in node.constants.items()}
    arguments = node.operator.arguments(operands, constants)
    return relax.call_tir(programs[node.operator.label], arguments, results[0] if len(results) == 1 else results)


def _attributes(network: Network) -> dict[str, object]:
    known = {
        name: Quantization(tensor.scale, tensor.zero_point)
        for name, tensor in network.tensors.items()
        if tensor.scale is not None and tensor.zero_point is not None
    }
    derived = {name: tensor.derived_from for name, tensor in network.tensors.items() if tensor.derived_from}
    inputs = (*map(_record, network.inputs), *(_state_record(state, state.input) for state in network.states))
    outputs = (*map(_record, network.outputs), *(_state_record(state, state.output) for state in network.states))
    return {
        PORTS: ports_record(Ports(inputs, outputs)),
        QUANTIZATION_ATTRIBUTE: quantization_record(known),
        DERIVED_ATTRIBUTE: derived_record(derived),
    }


def _record(port: Port) -> PortRecord:
    return PortRecord(
        port.name,
        port.model_shape,
        port.model_dtype,
        port.permutation,
        quantized=port.quantized,
        exchanged=port.exchanged,
        delay=port.delay,
    )


def _state_record(state: State, port: Port) -> PortRecord:
    device = state.initial.reshape([port.model_shape[axis] for axis in port.permutation])
    initial = device.transpose(np.argsort(port.permutation)).tobytes().hex()
    return replace(_record(port), state=state.name, initial=initial)
