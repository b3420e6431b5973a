"""A network without the channels that have no part in its results: every output keeps every value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tinyseg_tvm.network.constant_channels import channelwise, with_constants_folded
from tinyseg_tvm.network.network import Network, Node, Tensor
from tinyseg_tvm.network.used_channels import channels_of, used_channels
from tinyseg_tvm.operators import Conv2d, Conv2dTranspose, Dense, Operator, Reshape, Slice, TensorType


@dataclass(frozen=True)
class Removed:
    """What a network has no more.

    Attributes:
        channels: of all its tensors.
        weights: elements of weights.
        macs: multiply-accumulates of one inference.
        all_channels, all_weights, all_macs: how many there were.
    """

    channels: int
    weights: int
    macs: int
    all_channels: int
    all_weights: int
    all_macs: int

    @property
    def share(self) -> float:
        """Of the multiply-accumulates."""
        return self.macs / max(self.all_macs, 1)

    @staticmethod
    def between(before: Network, after: Network) -> Removed:
        """What is in one network and not in the other."""
        (channels, weights, macs), left = _extent(before), _extent(after)
        return Removed(channels - left[0], weights - left[1], macs - left[2], channels, weights, macs)


def _extent(network: Network) -> tuple[int, int, int]:
    """Channels, weights and multiply-accumulates."""
    weights = sum(node.constants["weight"].size for node in network.nodes if "weight" in node.constants)
    return sum(channels_of(tensor.type) for tensor in network.tensors.values()), weights, network.macs


def without_unused_channels(network: Network) -> Network:
    """The network that computes the same results with what ``used_channels`` finds; itself where that is all.

    Constant channels are first made parts of their readers' biases (``constant_channels``).
    """
    while True:
        folded = with_constants_folded(network)
        used = used_channels(folded)
        if all(each.all() for each in used.values()):
            return network
        network = _narrowed(folded, used)


def _narrowed(network: Network, used: Mapping[str, np.ndarray]) -> Network:
    tensors = {
        name: tensor if used[name].all() else replace(tensor, type=_narrow_type(tensor.type, used[name]))
        for name, tensor in network.tensors.items()
    }
    nodes = tuple(_narrow_node(node, network, used, tensors) for node in network.nodes)
    return replace(network, tensors=tensors, nodes=nodes)


def _narrow_type(kind: TensorType, used: np.ndarray) -> TensorType:
    return TensorType((*kind.shape[:-1], int(used.sum())), kind.dtype)


def _narrow_node(node: Node, network: Network, used: Mapping[str, np.ndarray], tensors: Mapping[str, Tensor]) -> Node:
    if all(used[name].all() for name in (*node.inputs, *node.outputs)):
        return node
    made, read = used[node.outputs[0]], np.concatenate([used[name] for name in node.inputs])
    constants = _narrow_constants(node, channelwise(node, network), read, made)
    operator = _narrow_operator(node.operator, read, made, tensors[node.outputs[0]].type)
    types = {name: TensorType(value.shape, value.dtype.name) for name, value in constants.items()}
    inferred = operator.infer([tensors[name].type for name in node.inputs], types)
    if inferred != (tensors[node.outputs[0]].type,):
        raise AssertionError(f"{node.name} without unused channels makes {inferred}")
    return replace(node, operator=operator, constants=constants)


def _narrow_operator(operator: Operator, read: np.ndarray, made: np.ndarray, result: TensorType) -> Operator:
    if isinstance(operator, Conv2d | Conv2dTranspose) and operator.groups > 1:
        return replace(operator, groups=int(made.sum()))
    if isinstance(operator, Slice):
        begin, end = (int(read[: bound[-1]].sum()) for bound in (operator.begin, operator.end))
        return replace(operator, begin=(*operator.begin[:-1], begin), end=(*operator.end[:-1], end))
    return replace(operator, shape=result.shape) if isinstance(operator, Reshape) else operator


def _narrow_constants(node: Node, alone: bool, read: np.ndarray, made: np.ndarray) -> dict[str, np.ndarray]:
    """The constants of the channels that stay.

    Args:
        node: the node.
        alone: whether it computes every channel by itself.
        read: which channels of all its operands, one after the other, stay.
        made: which of its result's.
    """
    operator = node.operator
    if isinstance(operator, Conv2d | Conv2dTranspose | Dense):
        kept = {name: value[made] for name, value in node.constants.items()}
        if not alone:
            weight = kept["weight"]
            kept["weight"] = np.ascontiguousarray(weight[..., np.tile(read, weight.shape[-1] // len(read))])
        return kept
    per_channel = _PER_CHANNEL.get(operator.kind)
    constants = dict(node.constants)
    if per_channel is None:
        return constants
    name, axis = per_channel
    if constants[name].shape[axis] == len(made) and constants[name].shape != (1,):
        constants[name] = np.ascontiguousarray(np.compress(made, constants[name], axis))
    return constants


_PER_CHANNEL = {"channel_lookup": ("tables", 0), "elementwise_constant": ("other", -1)}
"""Kinds of operators with a constant that has a channel axis, beside weighted sums: its name, and that axis."""
