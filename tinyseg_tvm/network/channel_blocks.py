"""A network whose channels are computed block by block: heads of attention, wide middles of dense layers.

A *region* is a set of tensors that are tied along one axis of each: block ``g`` of a tensor is computed of block ``g``
of the others alone. It begins where a weighted sum makes the channels of whole operands (*fan-out*) and ends at what
reads all of them (*fan-in*). Divided, every tensor is there once for each block, all of a block stand before the next
one in the order of nodes, and what ends the region reads their concatenation. Every value stays what it was.

Source: Fused Depthwise Tiling (Stahl et al., "Fused Depthwise Tiling for Memory Optimization in TinyML Deep Neural
Network Inference", 2023); heads of attention are the same in Transformers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tinyseg_tvm.network.constant_channels import channelwise
from tinyseg_tvm.network.network import Network, Node, Tensor
from tinyseg_tvm.operators import Concat, Conv2d, Conv2dTranspose, Dense, Operator, Reshape, Slice, TensorType
from tinyseg_tvm.operators.matmul import Matmul
from tinyseg_tvm.operators.pointwise import Pointwise
from tinyseg_tvm.operators.reduce import Reduce

_ELEMENTWISE = frozenset(("elementwise", "elementwise_constant", "pointwise", "channel_lookup"))

_MOST_TENSORS = 100  # of a region


@dataclass(frozen=True)
class Region:
    """Tensors that are tied along an axis of each.

    Attributes:
        axes: of each tensor the axis that is divided, which is not that of its lines.
        extents: of those axes; a number of blocks divides them all.
        held: bytes that are there at once where the region is whole, and for one block at a time where it is divided.
        beside: bytes that are there beside these in either case.
    """

    axes: Mapping[str, int]
    extents: Mapping[str, int]
    held: int = 0
    beside: int = 0

    @property
    def blocks(self) -> tuple[int, ...]:
        """Numbers of blocks that are possible, ascending."""
        most = math.gcd(*self.extents.values())
        return tuple(number for number in range(2, most + 1) if most % number == 0)


class _UntiedError(Exception):
    """Why a tensor cannot be divided."""


def region_of(network: Network, tensor: str, axis: int) -> Region | None:
    """All that is tied to an axis of a tensor; None where that is the lines' or no fan-out makes it."""
    return _Ties(network).region(tensor, axis)


def regions(network: Network) -> list[Region]:
    """Regions of which a part need not be there at once, in the order of nodes; none has a tensor of another.

    Heads of attention, whose keys and values are needed as wholes. Maps that are gated by their own mean
    (squeeze-and-excite), with the windows of lines that make them beside. Vectors that a dense layer takes in and that
    are more than its sums: wide middles.
    """
    ties = _Ties(network)
    found: list[Region] = []
    taken: set[str] = set()
    for node in network.nodes:
        for look in (_heads, _gate, _vector):
            region = look(ties, node)
            if region is not None and region.blocks and not taken.intersection(region.axes):
                taken.update(region.axes)
                found.append(region)
    return found


def _heads(ties: _Ties, node: Node) -> Region | None:
    """The region of a product of several matrices behind the rows."""
    if not isinstance(node.operator, Matmul) or not node.operator.inside:
        return None
    region, types = ties.region(node.outputs[0], 2), ties.network.tensors
    if region is None:
        return None
    products = [ties.producers[name] for name in region.axes if isinstance(ties.producers[name].operator, Matmul)]
    held = {each.inputs[1]: types[each.inputs[1]].type.bytes for each in products if each.inputs[1] in region.axes}
    return replace(region, held=sum(held.values()), beside=max(types[each].type.bytes for each in held) if held else 0)


def _gate(ties: _Ties, node: Node) -> Region | None:
    """The region of a map that is multiplied by one value per channel."""
    result = ties.network.output_types(node)[0]
    if node.operator.kind != "elementwise" or len(result.shape) != 4:
        return None
    types = ties.network.input_types(node)
    full = 0 if types[0].shape == result.shape else 1
    if types[0].shape == types[1].shape or types[full].lines == 1:
        return None
    region, gated = ties.region(node.outputs[0], 3), node.inputs[full]
    if region is None or gated not in region.axes:
        return None
    held = 0
    for name in region.axes:
        made = ties.producers[name]
        if isinstance(made.operator, Conv2d) and made.operator.groups > 1:
            held += made.constants["weight"].shape[1] * ties.network.input_types(made)[0].line_bytes
    return replace(region, held=held, beside=types[full].bytes)


def _vector(ties: _Ties, node: Node) -> Region | None:
    """The region of a dense layer's operand of a single line."""
    if not isinstance(node.operator, Dense) or ties.network.input_types(node)[0].lines > 1:
        return None
    (wide,), narrow = ties.network.input_types(node), ties.network.output_types(node)[0]
    saved = wide.bytes - 4 * narrow.elements  # for its sums, of four bytes
    region = ties.region(node.inputs[0], len(wide.shape) - 1) if saved > 0 else None
    return None if region is None else replace(region, held=saved, beside=narrow.bytes)


def divided(network: Network, blocks: Sequence[tuple[Region, int]]) -> Network:
    """The network with regions in so many blocks each; regions have no tensor in common.

    Raises:
        ValueError: an operator refuses to be divided.
    """
    return _Division(network, blocks).network()


class _Ties:
    """Which axes of a network's tensors are tied."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.producers = {name: node for node in network.nodes for name in node.outputs}
        self.readers: dict[str, list[Node]] = {}
        for node in network.nodes:
            for name in dict.fromkeys(node.inputs):
                self.readers.setdefault(name, []).append(node)

    def region(self, tensor: str, axis: int) -> Region | None:
        try:
            axes = self._with(tensor, axis, {})
        except _UntiedError:
            return None
        return Region(axes, {name: self.network.tensors[name].type.shape[at] for name, at in axes.items()})

    def _with(self, tensor: str, axis: int, known: Mapping[str, int]) -> dict[str, int]:
        """What is tied, with a tensor and all that it takes along."""
        if tensor in known:
            if known[tensor] != axis:
                raise _UntiedError
            return dict(known)
        kind, maker = self.network.tensors[tensor].type, self.producers.get(tensor)
        if (
            len(known) == _MOST_TENSORS
            or maker is None
            or len(maker.outputs) > 1
            or axis == kind.line_axis
            or kind.shape[axis] == 1
        ):
            raise _UntiedError
        found = {**known, tensor: axis}
        if not fans_out(maker, self.network, axis):
            for name, at in zip(maker.inputs, operand_axes(maker, self.network, axis), strict=True):
                found = found if at is None else self._with(name, at, found)
        for reader in self.readers.get(tensor, ()):
            found = self._through(reader, tensor, axis, found)
        return found

    def _through(self, reader: Node, tensor: str, axis: int, known: dict[str, int]) -> dict[str, int]:
        """With the results of a reader, where it computes them block by block; else it ends the region."""
        if len(reader.outputs) > 1 or (reader.outputs[0] in known):
            return known
        for at in range(len(self.network.output_types(reader)[0].shape)):
            if fans_out(reader, self.network, at):
                continue
            try:
                axes = operand_axes(reader, self.network, at)
                if all(each == axis for name, each in zip(reader.inputs, axes, strict=True) if name == tensor):
                    return self._with(reader.outputs[0], at, known)
            except _UntiedError:
                continue
        return known


def fans_out(node: Node, network: Network, axis: int) -> bool:
    """Whether each channel of the result (its last axis) is a weighted sum of whole operands that can be read again."""
    operator = node.operator
    if axis != len(network.output_types(node)[0].shape) - 1:
        return False
    if isinstance(operator, Dense):
        return not operator.flatten or network.input_types(node)[0].lines == 1
    return isinstance(operator, Conv2d | Conv2dTranspose) and operator.groups == 1


def operand_axes(node: Node, network: Network, axis: int) -> tuple[int | None, ...]:
    """Of each operand the axis whose block makes that of the result's axis; None where the whole operand is needed.

    Raises:
        _UntiedError: the result's blocks are not made of the operands' blocks.
    """
    operator, operands, result = node.operator, network.input_types(node), network.output_types(node)[0]
    last = len(result.shape) - 1
    if operator.each_element or (operator.kind == "softmax" and axis != last):
        return (axis,)
    if isinstance(operator, Reduce) and not operator.groups and axis not in operator.axes:
        return (axis,)
    if isinstance(operator, Concat) and operator.axis != axis:
        return (axis,) * len(operands)
    if operator.kind in _ELEMENTWISE and not (isinstance(operator, Pointwise) and axis in operator.summed):
        return tuple(_aligned(operand, result, axis) for operand in operands)
    if isinstance(operator, Reshape):
        return (_reshaped(operands[0], result, axis),)
    if isinstance(operator, Matmul) and operator.inside and axis == 2:
        batches = (2, 2 if operator.rhs_inside else len(operands[1].shape) - 3)
        if batches[1] < 0:
            return (2, None)
        return tuple(at if each.shape[at] > 1 else None for at, each in zip(batches, operands, strict=True))
    if axis == last and channelwise(node, network) and not _cuts(operator, axis, operands[0]):
        return (axis,) * len(operands)
    raise _UntiedError


def _aligned(operand: TensorType, result: TensorType, axis: int) -> int | None:
    at = axis - len(result.shape) + len(operand.shape)
    return at if at >= 0 and operand.shape[at] > 1 else None


def _cuts(operator: Operator, axis: int, operand: TensorType) -> bool:
    return isinstance(operator, Slice) and (operator.begin[axis], operator.end[axis]) != (0, operand.shape[axis])


def _reshaped(operand: TensorType, result: TensorType, axis: int) -> int:
    """The operand's axis that begins with the result's, of which a block is as many elements."""
    before = math.prod(result.shape[:axis])
    for at, extent in enumerate(operand.shape):
        if extent > 1 and math.prod(operand.shape[:at]) == before:
            return at
    raise _UntiedError


class _Division:
    """Builds a divided network."""

    def __init__(self, network: Network, blocks: Sequence[tuple[Region, int]]) -> None:
        self.old = network
        self.regions = {name: (region, count) for region, count in blocks for name in region.axes}
        self.producers = {name: node for node in network.nodes for name in node.outputs}
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.names = {*network.tensors, *(node.name for node in network.nodes)}
        self.parts: dict[tuple[str, int], str] = {}
        self.stacks: dict[str, str] = {}

    def network(self) -> Network:
        self.tensors = {port.tensor: self.old.tensors[port.tensor] for port in self.old.entering}
        for node in self.old.nodes:
            if node.outputs[0] not in self.regions:
                self._keep(node)
        for port in self.old.leaving:
            self._whole(port.tensor)
        return replace(self.old, tensors=self.tensors, nodes=tuple(self.nodes))

    def _keep(self, node: Node) -> None:
        """A node outside of all regions, on whole operands; a dense layer of a divided vector takes block by block."""
        if isinstance(node.operator, Dense) and self._is_vector(node.inputs[0], self.old.output_types(node)[0]):
            operator, stacked = replace(node.operator, flatten=True), self._stacked(node.inputs[0])
            self._add(replace(node, operator=operator, inputs=(stacked,)))
            return
        if isinstance(node.operator, Conv2d) and node.operator.groups == 1:
            self._add(replace(node, inputs=tuple(piece for name in node.inputs for piece in self._taken(name))))
            return
        self._add(replace(node, inputs=tuple(map(self._whole, node.inputs))))

    def _is_vector(self, tensor: str, result: TensorType) -> bool:
        """Whether a divided tensor is a single line, of which a dense layer makes another one."""
        return tensor in self.regions and self.old.tensors[tensor].type.lines == 1 and len(result.shape) == 2

    def _taken(self, tensor: str) -> tuple[str, ...]:
        """What a convolution reads as if it were concatenated along channels."""
        if tensor not in self.regions or self.regions[tensor][0].axes[tensor] != 3 or tensor in self.tensors:
            return (self._whole(tensor),)
        return self._pieces(tensor)

    def _add(self, node: Node) -> None:
        self.nodes.append(node)
        self.tensors |= {name: self.old.tensors[name] for name in node.outputs}

    def _whole(self, tensor: str) -> str:
        """The tensor, which is there or joined of its blocks now."""
        if tensor not in self.tensors:
            pieces = self._pieces(tensor)
            self._add(Node(tensor, Concat(self.regions[tensor][0].axes[tensor]), pieces, (tensor,), {}))
        return tensor

    def _pieces(self, tensor: str) -> tuple[str, ...]:
        return tuple(self._part(tensor, block) for block in range(self.regions[tensor][1]))

    def _stacked(self, tensor: str) -> str:
        """A vector as a line for each block."""
        if tensor not in self.stacks:
            old, pieces = self.old.tensors[tensor], self._pieces(tensor)
            shape = (len(pieces), old.type.elements // len(pieces))
            flat = [self._flat(piece, shape[1:]) for piece in pieces]
            self.stacks[tensor] = self._new(old, f"{tensor}_blocks", TensorType(shape, old.type.dtype), Concat(0), flat)
        return self.stacks[tensor]

    def _flat(self, piece: str, shape: tuple[int, ...]) -> str:
        """A block of a vector with the rank of a line of blocks."""
        tensor = self.tensors[piece]
        target = (1, *shape)
        if tensor.type.shape == target:
            return piece
        return self._new(tensor, f"{piece}_line", TensorType(target, tensor.type.dtype), Reshape(target), [piece])

    def _new(self, like: Tensor, name: str, kind: TensorType, operator: Operator, inputs: Sequence[str]) -> str:
        name = self._unique(name)
        self.tensors[name] = replace(like, name=name, type=kind)
        self.nodes.append(Node(name, operator, tuple(inputs), (name,), {}))
        return name

    def _part(self, tensor: str, block: int) -> str:
        """A block of a tensor of a region; what it is made of stands before it."""
        key = tensor, block
        if key in self.parts:
            return self.parts[key]
        region, count = self.regions[tensor]
        node, axis = self.producers[tensor], region.axes[tensor]
        cut = _Cut(self.old, node, axis, block, count)
        inputs = tuple(
            self._whole(name) if at is None else self._part(name, block)
            for name, at in zip(node.inputs, cut.operand_axes, strict=True)
        )
        name = self._unique(f"{tensor}_block{block}")
        operator, constants, kind = cut.operator, cut.constants, cut.result
        types = {each: TensorType(value.shape, value.dtype.name) for each, value in constants.items()}
        inferred = operator.infer([self.tensors[each].type for each in inputs], types)
        if inferred != (kind,):
            raise ValueError(f"a block of {node.name} is {inferred}, not {kind}")
        self.tensors[name] = replace(self.old.tensors[tensor], name=name, type=kind)
        self.nodes.append(Node(name, operator, inputs, (name,), constants))
        self.parts[key] = name
        return name

    def _unique(self, name: str) -> str:
        while name in self.names:
            name += "_"
        self.names.add(name)
        return name


@dataclass(frozen=True)
class _Cut:
    """A node for one block of its result."""

    network: Network
    node: Node
    axis: int
    block: int
    count: int

    @cached_property
    def operand_axes(self) -> tuple[int | None, ...]:
        if fans_out(self.node, self.network, self.axis):
            return (None,) * len(self.node.inputs)
        return operand_axes(self.node, self.network, self.axis)

    @property
    def result(self) -> TensorType:
        whole = self.network.output_types(self.node)[0]
        shape = list(whole.shape)
        shape[self.axis] //= self.count
        return TensorType(tuple(shape), whole.dtype)

    @property
    def operator(self) -> Operator:
        operator = self.node.operator
        if isinstance(operator, Conv2d | Conv2dTranspose) and operator.groups > 1:
            return replace(operator, groups=operator.groups // self.count)
        if isinstance(operator, Reshape):
            return replace(operator, shape=self.result.shape)
        if isinstance(operator, Slice):
            end = (*operator.end[: self.axis], self.result.shape[self.axis], *operator.end[self.axis + 1 :])
            return replace(operator, end=end)
        return operator

    @property
    def constants(self) -> dict[str, np.ndarray]:
        return {name: self._constant(value) for name, value in self.node.constants.items()}

    def _constant(self, value: np.ndarray) -> np.ndarray:
        """The part of a constant that the block needs."""
        shape = self.network.output_types(self.node)[0].shape
        operator = self.node.operator
        if isinstance(operator, Conv2d | Conv2dTranspose | Dense) or operator.kind == "channel_lookup":
            at = 0 if self.axis == len(shape) - 1 else -1
        elif operator.kind in _ELEMENTWISE:
            at = self.axis - len(shape) + value.ndim
        else:
            at = -1
        if at < 0 or value.ndim <= at or value.shape[at] != shape[self.axis]:
            return value
        each = shape[self.axis] // self.count
        kept = slice(self.block * each, (self.block + 1) * each)
        return np.ascontiguousarray(value[(slice(None),) * at + (kept,)])
