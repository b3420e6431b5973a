"""How a float network is written as a model: in float32, in QDQ form, or in QLinear operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tests.random_networks.growing import Network


@dataclass(frozen=True)
class Quantisation:
    """Of a tensor: ``value = (q - zero_point) * scale``."""

    scale: float
    zero_point: int
    dtype: str

    def quantise(self, values: np.ndarray) -> np.ndarray:
        """Integers of the values, saturated."""
        limits = np.iinfo(self.dtype)
        levels = np.rint(values / np.float32(self.scale)) + self.zero_point
        return np.asarray(np.clip(levels, limits.min, limits.max).astype(self.dtype))


@dataclass(frozen=True)
class Style:
    """How the model is written.

    Attributes:
        form: ``float``, ``qdq`` or ``qoperator``.
        activations: ``int8``, ``uint8`` or ``mixed``; ``int16`` or ``uint16``.
        per_channel: weights have a scale per output channel.
        unsigned_weights: weights are uint8 with a zero point.
        most_weight: largest weight before that: within 7 bits for QLinear operators, as on processors without VNNI
            onnxruntime's kernels saturate pairs of products.
        integer_inputs, integer_outputs: the port carries integers.
        shared_dequantize: one DequantizeLinear for all readers of a tensor.
        float_bias: the bias stays in float32.
        direct: data movement reads integers without DequantizeLinear.
        initialisers_as_inputs: as models before IR version 4 have them.
        constant_nodes: constants are nodes in place of initialisers.
        names: ``plain``, ``odd`` (characters, keywords), ``none`` (nodes have none) or ``same`` (nodes share one).
        open_dimensions: extents of inputs are names in the file.
    """

    form: str = "float"
    activations: str = "int8"
    per_channel: bool = False
    unsigned_weights: bool = False
    most_weight: int = 127
    integer_inputs: bool = False
    integer_outputs: bool = False
    shared_dequantize: bool = False
    float_bias: bool = False
    direct: bool = False
    initialisers_as_inputs: bool = False
    constant_nodes: bool = False
    names: str = "plain"
    open_dimensions: bool = False


def random_style(draw: np.random.Generator, opset: int) -> Style:
    """Any of them that the operator set has."""
    forms = ["float"] if opset < 10 else ["float"] * 3 + ["qdq"] * 7 + ["qoperator"] * 3
    form = str(draw.choice(forms))

    def maybe(share: float) -> bool:
        return bool(draw.random() < share)

    return Style(
        form=form,
        activations=str(draw.choice(["int8"] * 6 + ["uint8"] * 5 + ["mixed"])),
        per_channel=maybe(0.5) and opset >= 13,
        unsigned_weights=maybe(0.15),
        most_weight=63 if form == "qoperator" else 127,
        integer_inputs=maybe(0.25),
        integer_outputs=maybe(0.25),
        shared_dequantize=maybe(0.5),
        float_bias=maybe(0.15),
        direct=form == "qoperator" or maybe(0.1),
        initialisers_as_inputs=maybe(0.07),
        constant_nodes=maybe(0.1),
        names=str(draw.choice(["plain", "plain", "plain", "odd", "none", "same"])),
        open_dimensions=maybe(0.08),
    )


def random_quantisations(network: Network, style: Style, draw: np.random.Generator) -> dict[str, Quantisation]:
    """Of each activation that is quantised: all in most networks, some stay in float32 in others."""
    if style.form == "float":
        return {}
    in_float = float(draw.choice([0, 0, 0, 0, 0.08, 0.3]))
    found: dict[str, Quantisation] = {}
    for name in network.inputs:
        found[name] = _calibrated(network.values[name], style, draw)
    for layer in network.layers:
        kept = found.get(layer.inputs[0]) if layer.moves and layer.inputs and draw.random() < 0.75 else None
        left = draw.random() < in_float
        for name in layer.outputs:
            value = network.values[name]
            if value.dtype == np.float32 and not left:
                found[name] = kept or _calibrated(value, style, draw)
    return found


def _calibrated(values: np.ndarray, style: Style, draw: np.random.Generator) -> Quantisation:
    """From the least and the largest value of a sample, a little more or less, with zero inside."""
    dtype = str(draw.choice(["int8", "uint8"])) if style.activations == "mixed" else style.activations
    limits = np.iinfo(dtype)
    stretch = draw.uniform(0.85, 1.3)
    low, high = min(float(values.min()), 0.0) * stretch, max(float(values.max()), 0.0) * stretch
    if high - low < 1e-3:
        high = low + 1
    if dtype == "int8" and draw.random() < 0.2:
        scale, zero = max(high, -low) / 127, 0
    else:
        scale = (high - low) / (limits.max - limits.min)
        zero = int(np.clip(round(limits.min - low / scale), limits.min, limits.max))
    return Quantisation(float(np.float32(scale)), zero, dtype)


def quantised_weights(values: np.ndarray, axis: int, style: Style) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Integers, scales and zero points, per channel of ``axis`` or for all."""
    others = tuple(a for a in range(values.ndim) if a != axis)
    largest = np.abs(values).max(axis=others) if style.per_channel else np.abs(values).max()
    scales = np.asarray(np.maximum(largest, 1e-4) / style.most_weight, np.float32)
    spread = scales.reshape([-1 if a == axis else 1 for a in range(values.ndim)]) if style.per_channel else scales
    levels = np.clip(np.rint(values / spread), -style.most_weight, style.most_weight)
    if style.unsigned_weights:
        return (levels + 128).astype(np.uint8), scales, np.full(scales.shape, 128, np.uint8)
    return levels.astype(np.int8), scales, np.zeros(scales.shape, np.int8)


def feeds(
    network: Network, style: Style, quantisations: Mapping[str, Quantisation], vectors: int, seed: int
) -> list[dict[str, np.ndarray]]:
    """Values of the network's inputs by name: the sample that ranges were taken from, then random ones of its range."""
    draw = np.random.default_rng(seed)
    found = []
    for vector in range(vectors):
        given = {}
        for name in network.inputs:
            sample = network.values[name]
            values = sample if vector == 0 else draw.uniform(sample.min(), sample.max(), sample.shape)
            values = values.astype(np.float32)
            integer = style.integer_inputs and name in quantisations
            given[name] = quantisations[name].quantise(values) if integer else values
        found.append(given)
    return found
