"""Random layers that slide a window: convolutions, transposed ones, pools; over maps and sequences (ranks 4 and 3)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.random_networks.growing import Builder, Impossible


def convolution(b: Builder, x: str) -> str:
    """Conv of any kind, perhaps with BatchNormalization and an activation behind it."""
    shape = b.shape(x)
    channels, axes = shape[1], len(shape) - 2
    kernel = [b.one_of(1, 1, 2, 3, 3, 3, 4, 5) for _ in range(axes)] if b.maybe(0.5) else [b.one_of(1, 3)] * axes
    groups, out = _groups(b, channels)
    attributes = _window(b, kernel, dilated=True)
    weight = b.weights([out, channels // groups, *kernel], channels // groups * int(np.prod(kernel)))
    weight = _shared(b, weight)
    inputs = [x, weight] + ([b.bias(out)] if b.maybe(0.75) else [])
    if groups > 1 or b.maybe(0.3):
        attributes["group"] = groups
    if b.maybe(0.7):
        attributes["kernel_shape"] = kernel
    return b.finish(activation(b, _normalised(b, b.call("Conv", inputs, **attributes), out)))


def _groups(b: Builder, channels: int) -> tuple[int, int]:
    """Groups and output channels: plain, depthwise (with a multiplier) or grouped."""
    draw = b.draw.random()
    if draw < 0.25:
        return channels, channels * b.one_of(1, 1, 1, 2)
    divisors = [d for d in range(2, channels) if channels % d == 0]
    if draw < 0.4 and divisors:
        groups = b.one_of(*divisors)
        return groups, groups * b.one_of(1, 2, 3)
    return 1, b.one_of(1, 2, 3, 4, 5, 8, 8, 12, 16)


def _shared(b: Builder, weight: str) -> str:
    """Sometimes weights that another layer has already."""
    shape = b.shape(weight)
    others = [
        n for n, c in b.network.constants.items() if c.role == "weight" and c.axis == 0 and c.values.shape == shape
    ]
    return b.one_of(*others) if others and b.maybe(0.3) else weight


def _window(b: Builder, kernel: list[int], dilated: bool) -> dict[str, Any]:
    """Strides, pads and dilations."""
    axes = len(kernel)
    attributes: dict[str, Any] = {}
    dilations = [1] * axes
    if b.maybe(0.5):
        attributes["strides"] = [b.one_of(1, 1, 2, 2, 3) for _ in range(axes)]
    if dilated and b.maybe(0.2):
        dilations = [b.one_of(1, 2, 3) for _ in range(axes)]
        attributes["dilations"] = dilations
    draw = b.draw.random()
    if draw < 0.2:
        attributes["auto_pad"] = b.one_of("SAME_UPPER", "SAME_LOWER", "VALID")
        if attributes["auto_pad"] != "VALID":
            attributes.pop("dilations", None)
    elif draw < 0.5:
        attributes["pads"] = [(k - 1) * d // 2 for k, d in zip(kernel, dilations, strict=True)] * 2
    elif draw < 0.75:
        attributes["pads"] = [b.below((k - 1) * d + 1) for k, d in zip(kernel * 2, dilations * 2, strict=True)]
    return attributes


def _normalised(b: Builder, y: str, channels: int) -> str:
    """BatchNormalization behind a convolution, sometimes."""
    if not b.maybe(0.15):
        return y
    scale, bias, mean = (b.draw.normal(at, 0.3, channels).astype(np.float32) for at in (1, 0, 0))
    variance = b.draw.uniform(0.5, 2, channels).astype(np.float32)
    return b.call("BatchNormalization", [y, *(b.constant(v) for v in (scale, bias, mean, variance))], epsilon=1e-3)


def activation(b: Builder, y: str) -> str:
    """Relu, Clip or another function that stands between a sum and its quantisation."""
    draw = b.draw.random()
    if draw < 0.3:
        return b.call("Relu", [y])
    if draw < 0.42:
        return clip(b, y, 0.0, b.one_of(6.0, 1.0))
    if draw < 0.5:
        return b.call("LeakyRelu", [y], alpha=b.one_of(0.01, 0.1, 0.3))
    if draw < 0.54:
        return b.call("Sigmoid", [y])
    if draw < 0.58:
        return b.call("Mul", [y, b.call("Sigmoid", [y])])
    if draw < 0.61 and b.opset >= 14:
        return b.call("HardSwish", [y])
    return y


def clip(b: Builder, x: str, low: float | None, high: float | None) -> str:
    """Clip with limits as attributes or inputs."""
    if b.opset < 11:
        limits: dict[str, Any] = {key: value for key, value in (("min", low), ("max", high)) if value is not None}
        return b.call("Clip", [x], **limits)
    names = ["" if value is None else b.constant(np.array(value, np.float32)) for value in (low, high)]
    while names and not names[-1]:
        names.pop()
    return b.call("Clip", [x, *names])


def transposed_convolution(b: Builder, x: str) -> str:
    """ConvTranspose with output_padding, output_shape, auto_pad, groups."""
    shape = b.shape(x)
    channels, axes = shape[1], len(shape) - 2
    kernel = [b.one_of(1, 2, 2, 3, 4, 5) for _ in range(axes)]
    strides = [b.one_of(1, 2, 2, 3) for _ in range(axes)]
    attributes: dict[str, Any] = {"strides": strides}
    groups = 1
    if b.maybe(0.2):
        groups = b.one_of(*[d for d in range(1, channels + 1) if channels % d == 0])
        attributes["group"] = groups
    each = b.one_of(1, 2, 3, 4, 6)
    if b.maybe(0.15):
        attributes["dilations"] = [b.one_of(1, 2) for _ in range(axes)]
    draw = b.draw.random()
    if draw < 0.45:
        attributes["pads"] = [b.below(k) for k in kernel * 2]
        if b.maybe(0.5):
            attributes["output_padding"] = [b.below(s) for s in strides]
    elif draw < 0.6:
        attributes["auto_pad"] = b.one_of("SAME_UPPER", "SAME_LOWER", "VALID")
    elif draw < 0.75:
        attributes["output_shape"] = [e * s - b.below(s) for e, s in zip(shape[2:], strides, strict=True)]
    weight = b.weights([channels, each, *kernel], channels // groups * int(np.prod(kernel)), axis=1)
    inputs = [x, weight] + ([b.bias(each * groups)] if b.maybe(0.7) else [])
    return b.finish(activation(b, b.call("ConvTranspose", inputs, **attributes)))


def pool(b: Builder, x: str) -> str:
    """MaxPool or AveragePool."""
    axes = len(b.shape(x)) - 2
    kernel = [b.one_of(1, 2, 2, 3, 3, 4) for _ in range(axes)]
    kind = b.one_of("MaxPool", "MaxPool", "AveragePool")
    dilated = b.opset >= (10 if kind == "MaxPool" else 19)
    attributes = _window(b, kernel, dilated and b.maybe(0.3))
    if "pads" in attributes:
        attributes["pads"] = [min(p, k - 1) for p, k in zip(attributes["pads"], kernel * 2, strict=True)]
    if b.opset >= 10 and b.maybe(0.3) and "auto_pad" not in attributes:
        attributes["ceil_mode"] = 1
    if kind == "AveragePool" and b.maybe(0.4):
        attributes["count_include_pad"] = 1
    y = b.call(kind, [x], kernel_shape=kernel, **attributes)
    return b.finish(y, moves=kind == "MaxPool")


def pool_chain(b: Builder, x: str) -> str:
    """Two or three pools that round up, each on the result of the one before."""
    for _ in range(b.one_of(2, 3)):
        axes = len(b.shape(x)) - 2
        attributes: dict[str, Any] = {"strides": [b.one_of(1, 2, 2, 3) for _ in range(axes)]}
        attributes["kernel_shape"] = [b.one_of(2, 3)] * axes
        if b.opset >= 10:
            attributes["ceil_mode"] = b.one_of(0, 1, 1)
        if b.maybe(0.4):
            attributes["pads"] = [b.below(2) for _ in range(2 * axes)]
        x = b.finish(b.call("MaxPool", [x], **attributes), moves=True)
    return x


def global_pool(b: Builder, x: str) -> str:
    """A map's average or maximum."""
    kind = b.one_of("GlobalAveragePool", "GlobalAveragePool", "GlobalMaxPool")
    return b.finish(b.call(kind, [x]), moves=kind == "GlobalMaxPool")


def squeeze_and_excite(b: Builder, x: str) -> str:
    """A gate per channel, computed from the whole map."""
    shape = b.shape(x)
    if len(shape) != 4:
        raise Impossible("needs a map")
    channels, inner = shape[1], max(shape[1] // 2, 1)
    y = global_pool(b, x)
    weight = b.weights([inner, channels, 1, 1], channels)
    y = b.finish(b.call("Relu", [b.call("Conv", [y, weight, b.bias(inner)])]))
    weight = b.weights([channels, inner, 1, 1], inner)
    y = b.call("Conv", [y, weight, b.bias(channels)])
    gate = b.one_of("Sigmoid", "HardSigmoid")
    if b.maybe(0.5):
        y = b.finish(y)
    y = b.finish(b.call(gate, [y]))
    return b.finish(b.call("Mul", [x, y] if b.maybe(0.6) else [y, x]))
