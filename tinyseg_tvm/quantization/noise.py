"""How much of its signal each layer of a quantised network loses."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from tinyseg_tvm.accuracy import Session
from tinyseg_tvm.quantization.calibration import Feeds
from tinyseg_tvm.quantization.engine import DEQUANTIZED
from tinyseg_tvm.quantization.placement import CLAMPS

NO_NOISE = 200.0  # dB that stand for a tensor that is exact


class Noise:
    """Signal and noise of a tensor, summed over samples."""

    def __init__(self) -> None:
        self._signal = 0.0
        self._noise = 0.0

    def add(self, exact: np.ndarray, actual: np.ndarray) -> None:
        """Counts a sample's values."""
        wide = exact.astype(np.float64)
        self._signal += float(np.square(wide).sum())
        self._noise += float(np.square(wide - actual).sum())

    @property
    def decibels(self) -> float:
        """10 log10 of signal over noise."""
        if self._noise == 0.0:
            return NO_NOISE
        return 10.0 * math.log10(max(self._signal, 1e-30) / self._noise)


@dataclass(frozen=True)
class LayerNoise:
    """A layer of the network.

    Attributes:
        node: its name in the prepared network, what ``--exclude`` takes; of a clamped sum, the sum's.
        kind: its operator.
        decibels: signal to noise of its result, all before it included.
        added: noise over signal of its result (powers), beyond that of its worst operand.
    """

    node: str
    kind: str
    decibels: float
    added: float


def layer_noise(model: onnx.ModelProto, quantized: onnx.ModelProto, feeds: Iterable[Feeds]) -> tuple[LayerNoise, ...]:
    """Signal to noise of all tensors that are quantised, in the order of the network.

    Args:
        model: the prepared float network.
        quantized: its QDQ network with float ports.
        feeds: samples.
    """
    there = {name for node in quantized.graph.node for name in node.output}
    outputs = [port.name for port in model.graph.output]
    pairs = {
        name: name if name in outputs else f"{name}{DEQUANTIZED}"
        for name in (*(port.name for port in model.graph.input), *(n for node in model.graph.node for n in node.output))
        if f"{name}{DEQUANTIZED}" in there or name in outputs
    }
    exact = Session(_showing(model, pairs).SerializeToString())
    actual = Session(_showing(quantized, pairs.values()).SerializeToString())
    inputs = {port.name for port in model.graph.input}
    noise = {name: Noise() for name in pairs}
    for feed in feeds:
        names = [name for name in pairs if name not in inputs]
        values = dict(zip(names, exact.run(feed, names), strict=True)) | {n: feed[n] for n in inputs if n in pairs}
        for name, other in zip(pairs, actual.run(feed, list(pairs.values())), strict=True):
            noise[name].add(values[name], other)
    found = {name: one.decibels for name, one in noise.items()}
    return tuple(_layers(model, found))


def _layers(model: onnx.ModelProto, found: dict[str, float]) -> Iterable[LayerNoise]:
    """A layer for each measured result; operands that are not measured stand for what they are made of."""
    before = dict(found)
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        worst = min((before.get(name, NO_NOISE) for name in node.input if name), default=NO_NOISE)
        for name in node.output:
            if name in found:
                added = max(0.0, 10.0 ** (-found[name] / 10.0) - 10.0 ** (-worst / 10.0))
                clamped = node.op_type in CLAMPS and node.input[0] not in found and node.input[0] in makers
                layer = makers[node.input[0]] if clamped else node
                yield LayerNoise(layer.name, layer.op_type, found[name], added)
            before.setdefault(name, worst)


def _showing(model: onnx.ModelProto, names: Iterable[str]) -> onnx.ModelProto:
    """The model with tensors as outputs beside its own."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    ports = {port.name for port in (*result.graph.output, *result.graph.input)}
    added = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names if name not in ports]
    result.graph.output.extend(added)
    return result
