"""Which channels of a network's tensors have one value whatever the input, found by intervals.

For every tensor of integers and every index of its last axis: the least and the greatest value that any element can
have. Weighted sums whose bounds become the same result are constant (zero weights, a bias that saturates, a scale that
rounds everything away), and so is what is computed of constants alone. A constant operand of a weighted sum is a part
of its bias where no window reads padding in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tinyseg_tvm.network.network import Network, Node
from tinyseg_tvm.operators import Concat, Conv2d, Conv2dTranspose, Dense, Lookup, Reshape, Slice, TensorType
from tinyseg_tvm.operators.max_pool2d import MaxPool2d

_INTEGERS = ("int8", "uint8", "int16")
WEIGHTED_SUMS = (Conv2d, Conv2dTranspose, Dense)
CHANNELWISE = frozenset(
    (
        "average_pool2d",
        "channel_lookup",
        "clip",
        "elementwise",
        "elementwise_constant",
        "global_pool",
        "lookup",
        "max_pool2d",
        "pad",
        "requantize",
        "resize2d",
        "slice",
    )
)
"""Kinds of operators that compute channel ``c`` of their operands' channel ``c``, where all have as many."""


@dataclass(frozen=True)
class Range:
    """Least and greatest value per channel, (C,) int64 each."""

    least: np.ndarray
    most: np.ndarray

    @property
    def constant(self) -> np.ndarray:
        """Which channels have one value."""
        return np.asarray(self.least == self.most)

    def at(self, channels: np.ndarray) -> Range:
        """Of chosen channels."""
        return Range(self.least[channels], self.most[channels])


def whole_range(kind: TensorType) -> Range | None:
    """Of a tensor of which nothing is known; None where its elements are no integers, or it has no channels."""
    if kind.dtype not in _INTEGERS or not kind.shape:
        return None
    limits = np.iinfo(kind.dtype)
    return Range(np.full(kind.shape[-1], limits.min, np.int64), np.full(kind.shape[-1], limits.max, np.int64))


def value_ranges(network: Network) -> dict[str, Range | None]:
    """The range of every tensor; None as ``whole_range`` gives it."""
    ranges = {port.tensor: whole_range(network.tensors[port.tensor].type) for port in network.entering}
    for node in network.nodes:
        types = network.output_types(node)
        found = _RULES.get(type(node.operator), _of_example)(node, network, ranges) if len(types) == 1 else None
        for name, kind in zip(node.outputs, types, strict=True):
            known, widest = found, whole_range(kind)
            ranges[name] = known if known is not None and widest is not None else widest
    return ranges


def channelwise(node: Node, network: Network) -> bool:
    """Whether the node computes every channel by itself: depthwise convolutions of one filter per channel included."""
    (*operands, result) = (*network.input_types(node), network.output_types(node)[0])
    if len(node.outputs) != 1 or not all(each.shape for each in (*operands, result)):
        return False
    channels = result.shape[-1]
    if isinstance(node.operator, Conv2d | Conv2dTranspose):
        return node.operator.groups == channels == operands[0].shape[-1] > 1 and len(operands) == 1
    if isinstance(node.operator, Concat):
        return node.operator.axis != len(result.shape) - 1
    if isinstance(node.operator, Slice) and node.operator.strides[-1] != 1:
        return False
    if node.operator.kind not in CHANNELWISE or any(len(each.shape) != len(result.shape) for each in operands):
        return False
    return all(each.shape[-1] == channels for each in operands)


def folded(node: Node, operands: list[Range | None]) -> Mapping[str, np.ndarray]:
    """A weighted sum's constants with what constant channels add in its bias, and no weights for them.

    Args:
        node: a weighted sum of integers, of one group.
        operands: ranges of its operands.
    """
    weight, bias = node.constants["weight"], node.constants["bias"]
    if any(each is None for each in operands):
        return node.constants
    known = _joined([each for each in operands if each is not None])
    arithmetic = node.operator.arithmetic  # type: ignore[attr-defined]
    values = known.least - arithmetic.operand_zero
    taken = known.constant & ((values == 0) | (not _reads_padding(node)))
    if isinstance(node.operator, Dense) and node.operator.flatten:
        repeats = weight.shape[-1] // len(values)
        values, taken = np.tile(values, repeats), np.tile(taken, repeats)
    if not taken.any():
        return node.constants
    sums = weight.astype(np.int64).reshape(len(weight), -1, weight.shape[-1]).sum(axis=1)
    wide = bias.astype(np.int64) + (sums * np.where(taken, values, 0)).sum(axis=1)
    limits = np.iinfo(bias.dtype)
    if wide.min() < limits.min or wide.max() > limits.max:
        return node.constants
    kept = np.where(taken, 0, weight).astype(weight.dtype)
    return {**node.constants, "weight": kept, "bias": wide.astype(bias.dtype)}


def _joined(ranges: list[Range]) -> Range:
    return Range(np.concatenate([each.least for each in ranges]), np.concatenate([each.most for each in ranges]))


def _reads_padding(node: Node) -> bool:
    """Whether taps of some window fall outside the operand, where they add 0; a transposed one's may land there."""
    if isinstance(node.operator, Conv2d):
        return any(node.operator.padding)
    return isinstance(node.operator, Conv2dTranspose)


def _of_sum(node: Node, network: Network, ranges: Mapping[str, Range | None]) -> Range | None:
    """Bounds of the sums, and what results become of them."""
    operator = node.operator
    assert isinstance(operator, WEIGHTED_SUMS)
    arithmetic, weight = operator.arithmetic, node.constants["weight"]
    operands = [ranges[name] for name in node.inputs]
    if arithmetic.dtype not in _INTEGERS or any(each is None for each in operands):
        return None
    known = _joined([each for each in operands if each is not None])
    zero = arithmetic.operand_zero
    least, most = known.least - zero, known.most - zero
    if _reads_padding(node):
        least, most = np.minimum(least, 0), np.maximum(most, 0)
    if isinstance(operator, Dense) and operator.flatten:
        repeats = weight.shape[-1] // len(least)
        least, most = np.tile(least, repeats), np.tile(most, repeats)
    outputs = len(weight)
    groups = 1 if isinstance(operator, Dense) else operator.groups
    wide = weight.astype(np.int64).reshape(groups, outputs // groups, -1, weight.shape[-1])
    least, most = (each.reshape(groups, 1, 1, -1) for each in (least, most))
    bounds = [
        edge(wide * least, wide * most).sum(axis=(2, 3)).reshape(outputs) + node.constants["bias"].astype(np.int64)
        for edge in (np.minimum, np.maximum)
    ]
    accumulators = arithmetic.begin(node.constants, (2, outputs))
    accumulators[:] = bounds
    results = arithmetic.results(accumulators, node.constants)
    if results.dtype.name not in _INTEGERS:
        return None
    whole = whole_range(network.output_types(node)[0])
    assert whole is not None
    sure = (bounds[0] == bounds[1]) | arithmetic.grows(node.constants)
    made = results.astype(np.int64)
    return Range(np.where(sure, made[0], whole.least), np.where(sure, made[1], whole.most))


def _of_table(node: Node, network: Network, ranges: Mapping[str, Range | None]) -> Range | None:
    """The least and greatest entry that is looked up."""
    known = ranges[node.inputs[0]]
    if known is None:
        return None
    dtype = network.input_types(node)[0].dtype
    values = np.arange(np.iinfo(dtype).min, np.iinfo(dtype).max + 1)
    entries = node.constants["table"].astype(np.int64)[values.astype(dtype).view(np.uint8)]
    inside = (values >= known.least[:, np.newaxis]) & (values <= known.most[:, np.newaxis])
    return Range(
        np.where(inside, entries, np.iinfo(np.int64).max).min(axis=1),
        np.where(inside, entries, np.iinfo(np.int64).min).max(axis=1),
    )


def _of_maximum(node: Node, network: Network, ranges: Mapping[str, Range | None]) -> Range | None:
    """Values are the operand's, but for windows in the padding."""
    operator = node.operator
    assert isinstance(operator, MaxPool2d)
    return _of_example(node, network, ranges) if any(operator.padding) else ranges[node.inputs[0]]


def _of_slice(node: Node, _network: Network, ranges: Mapping[str, Range | None]) -> Range | None:
    operator, known = node.operator, ranges[node.inputs[0]]
    assert isinstance(operator, Slice)
    if known is None or not operator.begin:
        return None
    return known.at(np.arange(operator.begin[-1], operator.end[-1], operator.strides[-1]))


def _of_reshape(node: Node, network: Network, ranges: Mapping[str, Range | None]) -> Range | None:
    known, places = ranges[node.inputs[0]], reshaped_channels(node, network)
    return known.at(places) if known is not None and places is not None else None


def reshaped_channels(node: Node, network: Network) -> np.ndarray | None:
    """For every channel of a reshape's result the operand's; None where elements of several come together."""
    (operand,), (result,) = network.input_types(node), network.output_types(node)
    if not operand.shape or not result.shape or result.shape[-1] % operand.shape[-1]:
        return None
    return np.arange(result.shape[-1]) % operand.shape[-1]


def _of_concat(node: Node, network: Network, ranges: Mapping[str, Range | None]) -> Range | None:
    parts = [ranges[name] for name in node.inputs]
    known = [each for each in parts if each is not None]
    if len(known) < len(parts):
        return None
    if not channelwise(node, network):
        return _joined(known)
    return Range(np.min([each.least for each in known], axis=0), np.max([each.most for each in known], axis=0))


def _of_example(node: Node, network: Network, ranges: Mapping[str, Range | None]) -> Range | None:
    """What an operator that computes channels by themselves makes of constant ones, by its own computation."""
    whole = whole_range(network.output_types(node)[0])
    operands = [ranges[name] for name in node.inputs]
    if whole is None or not channelwise(node, network) or any(each is None for each in operands):
        return None
    known = [each for each in operands if each is not None]
    constant = np.all([each.constant for each in known], axis=0)
    if not constant.any():
        return None
    types = network.input_types(node)
    arrays = [
        np.broadcast_to(each.least, kind.shape).astype(kind.dtype) for each, kind in zip(known, types, strict=True)
    ]
    result = node.operator.reference(arrays, node.constants)[0].astype(np.int64)
    pixels = result.reshape(-1, result.shape[-1])
    constant = constant & (pixels == pixels[0]).all(axis=0)
    return Range(np.where(constant, pixels[0], whole.least), np.where(constant, pixels[0], whole.most))


def _of_weighted(node: Node, network: Network, ranges: Mapping[str, Range | None]) -> Range | None:
    """By bounds; and constants of depthwise convolutions by example, whose windows need not read padding."""
    found = _of_sum(node, network, ranges)
    example = _of_example(node, network, ranges)
    if found is None or example is None:
        return found
    return Range(np.maximum(found.least, example.least), np.minimum(found.most, example.most))


_RULES: Mapping[type, Callable[[Node, Network, Mapping[str, Range | None]], Range | None]] = {
    Conv2d: _of_weighted,
    Conv2dTranspose: _of_weighted,
    Dense: _of_sum,
    Lookup: _of_table,
    MaxPool2d: _of_maximum,
    Slice: _of_slice,
    Reshape: _of_reshape,
    Concat: _of_concat,
}


def with_constants_folded(network: Network) -> Network:
    """The network with what constant channels add in the biases of weighted sums, and zeros for their weights."""
    ranges = value_ranges(network)
    nodes = [
        replace(node, constants=folded(node, [ranges[name] for name in node.inputs]))
        if sums_all_channels(node)
        else node
        for node in network.nodes
    ]
    return replace(network, nodes=tuple(nodes))


def sums_all_channels(node: Node) -> bool:
    """Whether it is a weighted sum of integers, in one group."""
    operator = node.operator
    if not isinstance(operator, WEIGHTED_SUMS) or operator.arithmetic.dtype not in _INTEGERS:
        return False
    return isinstance(operator, Dense) or operator.groups == 1
