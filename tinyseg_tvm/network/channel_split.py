"""A network with the slices and concatenations of tensors that are split along their channels.

The planner decides on the planning problem (planner/channel_split.py); here its decisions become nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tinyseg_tvm.network.network import Network, Node
from tinyseg_tvm.operators import Concat, Slice, TensorType
from tinyseg_tvm.planner.channel_split import ChannelSplit, joined_name, part_name, rest_name


def divisible_channels(kind: TensorType) -> int:
    """Channels between which a line can be divided: those of the last axis, where it is not that of the lines."""
    divisible = kind.line_axis is not None and kind.line_axis < len(kind.shape) - 1
    return kind.shape[-1] if divisible else 1


def channels_of(kind: TensorType, begin: int, end: int) -> Slice:
    """The operator that takes some channels."""
    last = len(kind.shape) - 1
    return Slice((0,) * last + (begin,), (*kind.shape[:last], end), (1,) * (last + 1))


def with_channel_splits(network: Network, splits: Sequence[ChannelSplit]) -> Network:
    """``network`` with the tensors of ``splits`` in two parts, which late readers read joined."""
    for split in splits:
        network = _with_split(network, split)
    return network


def operators_of(kind: TensorType, split: ChannelSplit) -> tuple[Slice, Slice, Concat]:
    """What makes the part and the rest of a tensor, and what joins them."""
    join = Concat(len(kind.shape) - 1)
    return channels_of(kind, 0, split.channels), channels_of(kind, split.channels, split.of), join


def _with_split(network: Network, split: ChannelSplit) -> Network:
    original = network.tensors[split.tensor]
    *slices, join = operators_of(original.type, split)
    names = part_name(split.tensor), rest_name(split.tensor)
    tensors = dict(network.tensors)
    slicing = []
    for name, operator in zip(names, slices, strict=True):
        tensors[name] = replace(original, name=name, type=operator.infer([original.type], {})[0])
        slicing.append(Node(name, operator, (split.tensor,), (name,), {}))
    copy_of = {reader: joined_name(split.tensor, index) for index, reader in enumerate(split.late)}
    tensors |= {copy: replace(original, name=copy) for copy in copy_of.values()}
    pending = {reader: Node(copy, join, names, (copy,), {}) for reader, copy in copy_of.items()}
    nodes: list[Node] = []
    if any(port.tensor == split.tensor for port in network.inputs):
        nodes += slicing
    for node in network.nodes:
        copied = copy_of.get(node.name)
        if copied:
            nodes.append(pending.pop(node.name))
        inputs = tuple(copied if copied and name == split.tensor else name for name in node.inputs)
        nodes.append(replace(node, inputs=inputs))
        if split.tensor in node.outputs:
            nodes += slicing
    outputs = tuple(replace(port, tensor=copy_of.get(f"output {port.name}", port.tensor)) for port in network.outputs)
    return replace(network, tensors=tensors, nodes=(*nodes, *pending.values()), outputs=outputs)
