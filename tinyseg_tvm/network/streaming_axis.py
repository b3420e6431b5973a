"""Streaming along columns: the same network with height and width exchanged.

``transpose_spatial`` exchanges them in shapes, weights, strides, paddings, tables and ports, so that a line is a
column of the original and every later stage still only knows rows. Feature maps (1, H, W, C) become (1, W, H, C); where
a map leaves that form (global pooling, a flattening dense layer, a transposition to channels first) the rest of the
network stays as it is. The result computes the same values; device buffers are column by column.
Sums in float32 run over columns first then, and round otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.network import Network, Node, Port
from tinyseg_tvm.operators import TensorType
from tinyseg_tvm.operators.base import Exchanged
from tinyseg_tvm.operators.spatial_exchange import exchanged_axes


def transpose_spatial(network: Network) -> Network:
    """``network`` with height and width exchanged.

    Raises:
        TinySegError: naming every node and port that cannot be exchanged.
    """
    problems: list[str] = []
    swapped = {port.tensor for port in network.inputs if _is_map(network.tensors[port.tensor].type)}
    nodes = []
    for node in network.nodes:
        types = network.input_types(node)
        ordered = [name in swapped and not _is_neutral(kind) for name, kind in zip(node.inputs, types, strict=True)]
        maps = [name in swapped or _is_neutral(kind) for name, kind in zip(node.inputs, types, strict=True)]
        if not any(maps) or not (any(ordered) or all(maps)):  # no maps, or maps in the order of rows
            nodes.append(node)
            continue
        try:
            new = _exchanged(node, types, maps)
        except ValueError as error:
            new = Exchanged(node.operator, node.constants, result=any(ordered))
            if new.result:
                problems.append(f"node {node.name!r} ({node.operator.kind}): {error}")
        if new.result:
            swapped.update(name for name in node.outputs if len(network.tensors[name].type.shape) >= 3)
        nodes.append(replace(node, operator=new.operator, constants=new.constants))
    inputs = tuple(_swap_port(port, network, swapped, problems) for port in network.inputs)
    outputs = tuple(_swap_port(port, network, swapped, problems) for port in network.outputs)
    if problems:
        raise TinySegError(
            f"{network.name} cannot be streamed by columns; stream it by rows. The reasons:\n  " + "\n  ".join(problems)
        )
    tensors = {
        name: replace(tensor, type=_exchange(tensor.type)) if name in swapped else tensor
        for name, tensor in network.tensors.items()
    }
    return _checked(replace(network, tensors=tensors, nodes=tuple(nodes), inputs=inputs, outputs=outputs))


def _is_map(kind: TensorType) -> bool:
    return len(kind.shape) == 4 and kind.shape[0] == 1


def _exchange(kind: TensorType) -> TensorType:
    """The type with axes 1 and 2 exchanged."""
    return TensorType(exchanged_axes(kind.shape), kind.dtype)


def _is_neutral(kind: TensorType) -> bool:
    """True for a map of one pixel, which is equal in both orders."""
    return _is_map(kind) and kind.shape[1] == kind.shape[2] == 1


def _exchanged(node: Node, types: Sequence[TensorType], maps: Sequence[bool]) -> Exchanged:
    """The node for swapped operands. Raises ValueError where there is none."""
    for kind, is_map in zip(types, maps, strict=True):
        if not is_map and kind.elements > 1:
            raise ValueError(f"it joins a map with a tensor of shape {kind.shape} in the order of rows")
    return node.operator.exchanged(types, node.constants)


def _swap_port(port: Port, network: Network, swapped: set[str], problems: list[str]) -> Port:
    """The port whose permutation leads to the swapped tensor."""
    if port.tensor not in swapped:
        return port
    shape = network.tensors[port.tensor].type.shape
    groups = _axis_groups([port.model_shape[axis] for axis in port.permutation], shape)
    if groups is None:
        problems.append(f"port {port.name!r}: its shape {port.model_shape} does not divide into the axes of {shape}")
        return port
    order = [axis for group in (groups[0], groups[2], groups[1], *groups[3:]) for axis in group]
    return replace(port, permutation=tuple(port.permutation[axis] for axis in order))


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


def _checked(network: Network) -> Network:
    """The network, after its tensors' types were found again by the operators themselves."""
    for node in network.nodes:
        constants = {name: TensorType(array.shape, str(array.dtype)) for name, array in node.constants.items()}
        found = node.operator.infer(network.input_types(node), constants)
        if found != network.output_types(node):
            raise AssertionError(f"{node.name}: {found} inferred, {network.output_types(node)} expected")
    return network
