"""Streaming along columns: the same network with height and width exchanged.

``transpose_spatial`` exchanges them in shapes, weights, strides, paddings, tables and ports, so that a line is a
column of the original and every later stage still only knows rows. Feature maps (1, H, W, C) become (1, W, H, C); where
a map leaves that form (global pooling, a flattening dense layer, a transposition to channels first) the rest of the
network stays as it is. The result computes the same values; device buffers are column by column.
Sums in float32 run over columns first then, and round otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinyseg_tvm import operators
from tinyseg_tvm.errors import TinySegError
from tinyseg_tvm.network.network import Network, Node, Port
from tinyseg_tvm.operators import Operator, TensorType

Constants = Mapping[str, np.ndarray]
Swapped = tuple[Operator, Constants, bool]  # the operator and constants for swapped operands; is the result swapped?


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
            operator, constants, result = _swap(node, types, maps)
        except ValueError as error:
            operator, constants = node.operator, node.constants
            result = any(ordered)
            if result:
                problems.append(f"node {node.name!r} ({node.operator.kind}): {error}")
        if result:
            swapped.update(name for name in node.outputs if len(network.tensors[name].type.shape) >= 3)
        nodes.append(replace(node, operator=operator, constants=constants))
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
    shape = kind.shape
    return TensorType((shape[0], shape[2], shape[1], *shape[3:]), kind.dtype)


def _is_neutral(kind: TensorType) -> bool:
    """True for a map of one pixel, which is equal in both orders."""
    return _is_map(kind) and kind.shape[1] == kind.shape[2] == 1


def _swap(node: Node, types: Sequence[TensorType], maps: Sequence[bool]) -> Swapped:
    """The node for swapped operands. Raises ValueError where there is none."""
    for kind, is_map in zip(types, maps, strict=True):
        if not is_map and kind.elements > 1:
            raise ValueError(f"it joins a map with a tensor of shape {kind.shape} in the order of rows")
    rule = _RULES.get(type(node.operator))
    if rule is None:
        raise ValueError("it is computed as a whole, in the order of rows")
    return rule(node.operator, node.constants, types[maps.index(True)])


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


# Rules: what becomes of an operator whose operands are swapped.


def _flip(pair: tuple[int, int]) -> tuple[int, int]:
    return pair[1], pair[0]


def _flip_padding(padding: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    top, left, bottom, right = padding
    return left, top, right, bottom


def _flip_axes(values: tuple[int, ...]) -> tuple[int, ...]:
    return values[0], values[2], values[1], *values[3:]


def _windowed(operator: Any, constants: Constants, _kind: TensorType) -> Swapped:
    """Convolutions and pools: every attribute of two values, the padding and the weight's kernel."""
    pairs = ("strides", "dilation", "output_padding", "kernel")
    changes = {name: _flip(getattr(operator, name)) for name in pairs if hasattr(operator, name)}
    flipped = replace(operator, padding=_flip_padding(operator.padding), **changes)
    if "weight" not in constants:
        return flipped, constants, True
    return flipped, {**constants, "weight": np.ascontiguousarray(constants["weight"].swapaxes(1, 2))}, True


def _unchanged(operator: Operator, constants: Constants, _kind: TensorType) -> Swapped:
    return operator, constants, True


def _over_last_axis(operator: Operator, constants: Constants, kind: TensorType) -> Swapped:
    """Operators along the last axis, which must not be the width."""
    if len(kind.shape) == 3:
        raise ValueError(f"it works along the width of {kind.shape}")
    return operator, constants, True


def _dense(operator: Any, constants: Constants, kind: TensorType) -> Swapped:
    if not operator.flatten:
        return _over_last_axis(operator, constants, kind)
    weight = constants["weight"]
    columns = weight.reshape(-1, *kind.shape[1:]).swapaxes(1, 2).reshape(weight.shape)
    return operator, {**constants, "weight": np.ascontiguousarray(columns)}, False


def _elementwise_constant(operator: Operator, constants: Constants, kind: TensorType) -> Swapped:
    other = constants["other"]
    if other.size == 1:
        return operator, constants, True
    if other.ndim == 1:
        return _over_last_axis(operator, constants, kind)
    return operator, {**constants, "other": np.ascontiguousarray(other.swapaxes(1, 2))}, True


def _resize(operator: Operator, constants: Constants, _kind: TensorType) -> Swapped:
    names = {
        "rows": "columns",
        "row_weights": "column_weights",
        "columns": "rows",
        "column_weights": "row_weights",
    }
    return operator, {name: constants[source] for name, source in names.items()}, True


def _concat(operator: Any, constants: Constants, _kind: TensorType) -> Swapped:
    if operator.axis == 0:
        raise ValueError("it joins maps along the batch axis")
    return replace(operator, axis={1: 2, 2: 1}.get(operator.axis, operator.axis)), constants, True


def _pad(operator: Any, constants: Constants, _kind: TensorType) -> Swapped:
    return replace(operator, before=_flip_axes(operator.before), after=_flip_axes(operator.after)), constants, True


def _slice(operator: Any, constants: Constants, _kind: TensorType) -> Swapped:
    flipped = replace(
        operator,
        begin=_flip_axes(operator.begin),
        end=_flip_axes(operator.end),
        strides=_flip_axes(operator.strides),
    )
    return flipped, constants, True


def _reshape(operator: Any, constants: Constants, kind: TensorType) -> Swapped:
    shape = operator.shape
    if len(shape) >= 3 and shape[:3] == kind.shape[:3]:
        return replace(operator, shape=_flip_axes(shape)), constants, True
    if 1 in kind.shape[1:3]:  # the elements' order is the same
        return operator, constants, False
    raise ValueError(f"it takes the map {kind.shape} apart into {shape}, in the order of rows")


def _transpose(operator: Any, constants: Constants, _kind: TensorType) -> Swapped:
    """A permutation that keeps height and width where they are stays one; any other undoes the exchange."""
    rank = len(operator.permutation)
    exchanged = _flip_axes(tuple(range(rank)))
    undone = tuple(exchanged[axis] for axis in operator.permutation)
    if {operator.permutation[1], operator.permutation[2]} == {1, 2}:
        return replace(operator, permutation=_flip_axes(undone)), constants, True
    return replace(operator, permutation=undone), constants, False


def _depth_to_space(operator: Any, constants: Constants, _kind: TensorType) -> Swapped:
    if operator.block == 1:
        return operator, constants, True
    raise ValueError("its channels hold blocks in the order of rows")


_RULES: dict[type[Operator], Callable[[Any, Constants, TensorType], Swapped]] = {
    operators.ArgMax: _over_last_axis,
    operators.AveragePool2d: _windowed,
    operators.Concat: _concat,
    operators.Conv2d: _windowed,
    operators.Conv2dTranspose: _windowed,
    operators.Dense: _dense,
    operators.DepthToSpace: _depth_to_space,
    operators.Dequantize: _unchanged,
    operators.Elementwise: _unchanged,
    operators.ElementwiseConstant: _elementwise_constant,
    operators.FloatAveragePool2d: _windowed,
    operators.FloatClip: _unchanged,
    operators.FloatConv2d: _windowed,
    operators.FloatConv2dTranspose: _windowed,
    operators.FloatDense: _dense,
    operators.FloatElementwise: _unchanged,
    operators.FloatElementwiseConstant: _elementwise_constant,
    operators.FloatGlobalPool: _unchanged,
    operators.FloatMaxPool2d: _windowed,
    operators.FloatSoftmax: _over_last_axis,
    operators.GlobalPool: _unchanged,
    operators.Lookup: _unchanged,
    operators.MaxPool2d: _windowed,
    operators.Pad: _pad,
    operators.Quantize: _unchanged,
    operators.Reshape: _reshape,
    operators.Resize2d: _resize,
    operators.Slice: _slice,
    operators.Softmax: _over_last_axis,
    operators.Transpose: _transpose,
}
