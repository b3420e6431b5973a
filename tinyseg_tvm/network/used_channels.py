"""Which channels of a network's tensors have any part in its results.

A channel is used where it is a network's input or output, where an operator that mixes channels in a way not known here
reads or makes it, or where a weighted sum of a used channel has a weight for it. Operators that compute every channel
by itself tie their operands' channels to their result's: all are used, or none.
"""

from __future__ import annotations

import numpy as np

from tinyseg_tvm.network.constant_channels import channelwise, reshaped_channels, sums_all_channels
from tinyseg_tvm.network.network import Network, Node
from tinyseg_tvm.operators import Concat, Dense, Reshape, Slice, TensorType


def channels_of(kind: TensorType) -> int:
    """Extent of the last axis; a scalar has one channel."""
    return kind.shape[-1] if kind.shape else 1


def used_channels(network: Network) -> dict[str, np.ndarray]:
    """For each tensor which of its channels are used (bool); at least one of each that has any."""
    return _Uses(network).found()


class _Uses:
    """Sets of channels that are used together, by the number of a channel in all of the network's."""

    def __init__(self, network: Network) -> None:
        self.network = network
        counts = {name: channels_of(tensor.type) for name, tensor in network.tensors.items()}
        ends = np.cumsum(list(counts.values()))
        self.places = {
            name: np.arange(end - count, end) for (name, count), end in zip(counts.items(), ends.tolist(), strict=True)
        }
        self.sums = [node for node in network.nodes if sums_all_channels(node)]
        parents = list(range(int(ends[-1]) if len(ends) else 0))
        for node in network.nodes:
            for operand, result in self._pairs(node):
                for one, other in zip(operand.tolist(), result.tolist(), strict=True):
                    parents[_root(parents, one)] = _root(parents, other)
        self.set_of = np.array([_root(parents, each) for each in range(len(parents))], np.int64)
        self.used = np.zeros(len(self.set_of), bool)

    def found(self) -> dict[str, np.ndarray]:
        network = self.network
        for port in (*network.entering, *network.leaving):
            self._use(self.places[port.tensor])
        for node in network.nodes:
            if not self._known(node):
                for name in (*node.inputs, *node.outputs):
                    self._use(self.places[name])
        self._spread()
        filled = [places for places in self.places.values() if len(places)]
        while unused := [places for places in filled if not self._is_used(places).any()]:
            for places in unused:
                self._use(places[:1])
            self._spread()
        return {name: self._is_used(places) for name, places in self.places.items()}

    def _known(self, node: Node) -> bool:
        return sums_all_channels(node) or bool(self._pairs(node))

    def _pairs(self, node: Node) -> list[tuple[np.ndarray, np.ndarray]]:
        """Channels of operands, and the channels of the result that are computed of them alone."""
        if len(node.outputs) != 1:
            return []
        result, operands = self.places[node.outputs[0]], [self.places[name] for name in node.inputs]
        if channelwise(node, self.network):
            return [(operand, result) for operand in operands]
        if isinstance(node.operator, Concat):
            ends = np.cumsum([len(operand) for operand in operands])
            return [
                (operand, result[end - len(operand) : end])
                for operand, end in zip(operands, ends.tolist(), strict=True)
            ]
        if isinstance(node.operator, Slice) and node.operator.strides[-1:] == (1,):
            return [(operands[0][node.operator.begin[-1] : node.operator.end[-1]], result)]
        if isinstance(node.operator, Reshape):
            channels = reshaped_channels(node, self.network)
            return [] if channels is None else [(operands[0][channels], result)]
        return []

    def _use(self, places: np.ndarray) -> None:
        self.used[self.set_of[places]] = True

    def _is_used(self, places: np.ndarray) -> np.ndarray:
        return np.asarray(self.used[self.set_of[places]])

    def _spread(self) -> None:
        """What used sums have weights for is used."""
        before = -1
        while before != (before := int(self.used.sum())):
            for node in reversed(self.sums):
                weight = node.constants["weight"][self._is_used(self.places[node.outputs[0]])]
                read = weight.reshape(-1, weight.shape[-1]).any(axis=0)
                places = np.concatenate([self.places[name] for name in node.inputs])
                if isinstance(node.operator, Dense) and node.operator.flatten:
                    read = read.reshape(-1, len(places)).any(axis=0)
                self._use(places[read])


def _root(parents: list[int], place: int) -> int:
    """What stands for a place's set; the way there is made shorter."""
    while parents[place] != place:
        parents[place] = parents[parents[place]]
        place = parents[place]
    return place
