"""Streaming along columns: the same computation with height and width exchanged.

They are exchanged in shapes, weights, strides, paddings, tables and ports, so that a line is a column of the original
and every later stage still only knows rows. Feature maps (1, H, W, C) become (1, W, H, C); where a map leaves that form
(global pooling, a flattening dense layer, a transposition to channels first) the rest stays as it is. The result
computes the same values; device buffers are column by column. Sums in float32 run over columns first then, and round
otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tvm import relax

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.network import Network, Node, Port
from tinyseg_tvm.operators import TensorType
from tinyseg_tvm.operators.base import Exchanged
from tinyseg_tvm.operators.spatial_exchange import exchanged_axes
from tinyseg_tvm.relay_passes.dataflow import Dataflow
from tinyseg_tvm.relay_passes.expressions import Expr, Module, Pass, Var, dtype_of, shape_of, substitute
from tinyseg_tvm.relay_passes.operator_calls import OperatorCall, operator_call
from tinyseg_tvm.relay_passes.operators_registration import tensor_type
from tinyseg_tvm.relay_passes.ports import PortRecord, Ports, read_ports, write_ports
from tinyseg_tvm.relay_passes.rewriting import Rewrite, module_pass, rewrite_main
from tinyseg_tvm.relay_passes.to_network import to_network


def exchange_rows_and_columns(name: str = "network") -> Pass:
    """The pass for a lowered module; ``name`` is that of the network, for messages.

    It raises TinySegError, naming every node and port that cannot be exchanged.
    """

    @module_pass("exchange_rows_and_columns")
    def transform(module: Module) -> Module:
        network = to_network(module, name)
        exchange = _exchange_of(network, read_ports(module))
        return _exchanged_module(module, network, exchange) if exchange.tensors else module

    return transform


@dataclass(frozen=True)
class _Exchange:
    """What changes.

    Attributes:
        nodes: by name, operators and constants in place of their own.
        tensors: names of those whose rows and columns are exchanged.
        ports: with the permutations that lead to them.
    """

    nodes: dict[str, Exchanged]
    tensors: set[str]
    ports: Ports


def _exchange_of(network: Network, recorded: Ports) -> _Exchange:
    problems: list[str] = []
    parameters, leaving = _device_ports(network, recorded)
    swapped = {port.tensor for port in parameters if _is_map(network.tensors[port.tensor].type)}
    nodes: dict[str, Exchanged] = {}
    for node in network.nodes:
        types = network.input_types(node)
        ordered = [name in swapped and not _is_neutral(kind) for name, kind in zip(node.inputs, types, strict=True)]
        maps = [name in swapped or _is_neutral(kind) for name, kind in zip(node.inputs, types, strict=True)]
        if node.inputs and not (any(maps) and (any(ordered) or all(maps))):  # no maps, or maps in the order of rows
            continue
        try:
            new = _exchanged(node, types, maps)
        except ValueError as error:
            new = Exchanged(node.operator, node.constants, result=any(ordered))
            if new.result:
                problems.append(f"node {node.name!r} ({node.operator.kind}): {error}")
        if new.result:
            swapped.update(name for name in node.outputs if len(network.tensors[name].type.shape) >= 3)
        nodes[node.name] = new
    inputs, outputs = (
        tuple(
            _exchanged_port(record, network.tensors[port.tensor].type, problems) if port.tensor in swapped else record
            for record, port in zip(records, ports, strict=True)
        )
        for records, ports in ((recorded.inputs, parameters), (recorded.outputs, leaving))
    )
    if problems:
        raise TinySegError(
            f"{network.name} cannot be streamed by columns; stream it by rows. The reasons:\n  " + "\n  ".join(problems)
        )
    return _Exchange(nodes, swapped, Ports(inputs, outputs))


def _device_ports(network: Network, recorded: Ports) -> tuple[list[Port], list[Port]]:
    """The network's ports in the order of parameters and of results, states among them."""
    states = {state.name: state for state in network.states}
    inputs, outputs = iter(network.inputs), iter(network.outputs)
    return (
        [states[record.state].input if record.state else next(inputs) for record in recorded.inputs],
        [states[record.state].output if record.state else next(outputs) for record in recorded.outputs],
    )


def _exchanged_module(module: Module, network: Network, exchange: _Exchange) -> Module:
    old = Dataflow.of(module).params
    moved: dict[Var, Var] = {
        parameter: relax.Var(parameter.name, relax.TensorType(exchanged_axes(shape_of(parameter)), dtype_of(parameter)))
        for parameter in old
        if str(parameter.name) in exchange.tensors
    }
    parameters = [moved.get(parameter, parameter) for parameter in old]

    def rule(rewrite: Rewrite, value: Expr, name: str) -> Expr | None:
        value = substitute(value, lambda read: moved.get(read, read))
        new, found = exchange.nodes.get(name), operator_call(value)
        if new is not None and found is not None:
            value = OperatorCall(new.operator, found.activations, new.constants).to_relax()
        result = rewrite.emit(value, name)
        if name in network.tensors:
            kind = network.tensors[name].type
            expected = _exchanged_type(kind) if name in exchange.tensors else kind
            if tensor_type(result.ty) != expected:
                raise AssertionError(f"{name}: {tensor_type(result.ty)} inferred, {expected} expected")
        return result

    def results(rewrite: Rewrite, leaves: list[Expr]) -> list[Expr]:
        write_ports(rewrite, exchange.ports)
        return [substitute(leaf, lambda read: moved.get(read, read)) for leaf in leaves]

    return rewrite_main(module, [rule], parameters=parameters, results=results, types_change=True)


def _is_map(kind: TensorType) -> bool:
    return len(kind.shape) == 4 and kind.shape[0] == 1


def _is_neutral(kind: TensorType) -> bool:
    """True for a map of one pixel, which is equal in both orders."""
    return _is_map(kind) and kind.shape[1] == kind.shape[2] == 1


def _exchanged_type(kind: TensorType) -> TensorType:
    """The type with axes 1 and 2 exchanged."""
    return TensorType(exchanged_axes(kind.shape), kind.dtype)


def _exchanged(node: Node, types: Sequence[TensorType], maps: Sequence[bool]) -> Exchanged:
    """The node for swapped operands. Raises ValueError where there is none."""
    for kind, is_map in zip(types, maps, strict=True):
        if not is_map and kind.elements > 1:
            raise ValueError(f"it joins a map with a tensor of shape {kind.shape} in the order of rows")
    return node.operator.exchanged(types, node.constants)


def _exchanged_port(port: PortRecord, kind: TensorType, problems: list[str]) -> PortRecord:
    """The port whose permutation leads to the exchanged tensor; ``kind`` is its type before."""
    groups = _axis_groups([port.model_shape[axis] for axis in port.permutation], kind.shape)
    if groups is None:
        problems.append(
            f"port {port.name!r}: its shape {port.model_shape} does not divide into the axes of {kind.shape}"
        )
        return port
    order = [axis for group in (groups[0], groups[2], groups[1], *groups[3:]) for axis in group]
    return replace(port, permutation=tuple(port.permutation[axis] for axis in order), exchanged=True)


def _axis_groups(extents: Sequence[int], shape: Sequence[int]) -> list[list[int]] | None:
    """Consecutive axes of ``extents`` that make up each axis of ``shape``; None where an axis would be cut."""
    groups: list[list[int]] = []
    axis = 0
    for extent in shape:
        group: list[int] = []
        product = 1
        if extent == 1 and axis < len(extents) and extents[axis] == 1:
            group.append(axis)
            axis += 1
        while product < extent and axis < len(extents):
            product *= extents[axis]
            group.append(axis)
            axis += 1
        if product != extent:
            return None
        groups.append(group)
    rest = range(axis, len(extents))
    if math.prod(extents[axis] for axis in rest) != 1:
        return None
    groups[-1].extend(rest)
    return groups
