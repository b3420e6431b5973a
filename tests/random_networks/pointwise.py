"""Random layers of values by themselves or in pairs, reductions, dense layers and heads."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.random_networks.growing import Builder, Impossible
from tests.random_networks.windows import activation, clip

FUNCTIONS = (
    *((kind, 6) for kind in ("Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "Elu", "Softplus", "Abs", "Neg")),
    *((kind, 6) for kind in ("Exp", "Selu", "Softsign", "Identity")),
    *(
        ("Erf", 9),
        ("ThresholdedRelu", 10),
        ("Celu", 12),
        ("Dropout", 12),
        ("HardSwish", 14),
        ("Mish", 18),
        ("Gelu", 20),
    ),
)
"""Functions of one value, and since which operator set they are."""


def function(b: Builder, x: str) -> str:
    """A function of one value."""
    kind, since = b.one_of(*FUNCTIONS)
    if since > b.opset:
        raise Impossible("not in this operator set")
    if b.maybe(0.2):
        low, high = b.one_of((0.0, 6.0), (-1.0, 1.0), (None, 0.5), (0.1, None), (-0.7, 2.0))
        return b.finish(clip(b, x, low, high))
    return b.finish(b.call(kind, [x]), moves=kind in ("Identity", "Dropout"))


def product_of_functions(b: Builder, x: str) -> str:
    """x * f(x), as exporters write SiLU and hard swish."""
    kind = b.one_of("Sigmoid", "HardSigmoid", "Tanh")
    gate = b.finish(b.call(kind, [x]))
    return b.finish(b.call("Mul", [x, gate] if b.maybe(0.5) else [gate, x]))


def binary(b: Builder, x: str) -> str:
    """Add, Sub, Mul, Max, Min, Div of two tensors of equal shape."""
    others = [n for n, v in b.network.values.items() if v.shape == b.shape(x) and v.dtype == np.float32]
    y = b.one_of(*others)
    kind = b.one_of("Add", "Add", "Add", "Mul", "Sub", "Max", "Min", "Sum", "Mean")
    inputs = [x, y] if b.maybe(0.5) else [y, x]
    if kind in ("Sum", "Mean", "Max", "Min") and b.maybe(0.3):
        inputs.append(b.one_of(*others))
    result = b.call(kind, inputs)
    return b.finish(activation(b, result) if b.maybe(0.4) else result)


def residual(b: Builder, x: str) -> str:
    """x + convolution(x), the shortcut perhaps through a 1x1 convolution."""
    shape = b.shape(x)
    axes, channels = len(shape) - 2, shape[1]
    out = channels if b.maybe(0.7) else b.one_of(3, 4, 8)
    weight = b.weights([out, channels, *[3] * axes], channels * 3**axes)
    y = b.finish(activation(b, b.call("Conv", [x, weight, b.bias(out)], pads=[1] * 2 * axes)))
    if out != channels:
        x = b.finish(b.call("Conv", [x, b.weights([out, channels, *[1] * axes], channels)]))
    result = b.call("Add", [x, y] if b.maybe(0.5) else [y, x])
    return b.finish(b.call("Relu", [result]) if b.maybe(0.4) else result)


def constant_operand(b: Builder, x: str) -> str:
    """Add, Mul, Sub or Div with a constant that is broadcast in some way."""
    shape = b.shape(x)
    kind = b.one_of("Add", "Mul", "Sub", "Div")
    trailing = shape[1:]
    kept = [e if b.maybe(0.4) else 1 for e in trailing]
    choices: list[list[int]] = [[], [1], [trailing[0], *[1] * (len(trailing) - 1)], kept, [1, *kept], list(trailing)]
    values = b.draw.uniform(0.5, 2, b.one_of(*choices)).astype(np.float32)
    if kind != "Div":
        values *= b.draw.choice([-1, 1, 1], values.shape).astype(np.float32)
    operand = b.constant(np.asarray(values, np.float32), "operand")
    first = kind in ("Add", "Mul", "Sub") and b.maybe(0.3)
    result = b.call(kind, [operand, x] if first else [x, operand])
    return b.finish(activation(b, result) if b.maybe(0.2) else result)


def broadcast(b: Builder, x: str) -> str:
    """A product or sum with a tensor that has extent 1 along some axes, reduced from another."""
    shape = b.shape(x)
    if len(shape) < 3:
        raise Impossible("needs a map")
    axes = sorted(int(a) + 1 for a in b.draw.permutation(len(shape) - 1)[: b.one_of(1, 2)])
    y = b.finish(reduction_node(b, "ReduceMean", x, axes, True))
    if b.maybe(0.4):
        y = b.finish(b.call("Sigmoid", [y]))
    return b.finish(b.call(b.one_of("Mul", "Add", "Sub"), [x, y] if b.maybe(0.6) else [y, x]))


def reduction_node(b: Builder, kind: str, x: str, axes: list[int], keep: bool) -> Any:
    """A reduction, its axes as attribute or input."""
    attributes: dict[str, Any] = {} if keep and b.maybe(0.5) else {"keepdims": int(keep)}
    if b.opset >= (13 if kind == "ReduceSum" else 18):
        return b.call(kind, [x, b.constant(axes)], **attributes)
    return b.call(kind, [x], axes=axes, **attributes)


def reduction(b: Builder, x: str) -> str:
    """ReduceMean (mostly), ReduceMax, ReduceSum, ... over some axes."""
    shape = b.shape(x)
    kind = b.one_of("ReduceMean", "ReduceMean", "ReduceMean", "ReduceMax", "ReduceSum", "ReduceMin", "ReduceL2")
    axes = [2, 3] if len(shape) == 4 and b.maybe(0.5) else [1 + b.below(len(shape) - 1)]
    axes = [a - len(shape) for a in axes] if b.maybe(0.2) else axes
    return b.finish(reduction_node(b, kind, x, axes, b.maybe(0.6)), moves=kind in ("ReduceMax", "ReduceMin"))


def softmax(b: Builder, x: str) -> str:
    """Softmax over the channels or another axis."""
    rank = len(b.shape(x))
    axis = 1 if b.maybe(0.5) else 1 + b.below(rank - 1)
    attributes: dict[str, Any] = (
        {} if b.maybe(0.1) else {"axis": axis - rank if b.opset >= 11 and b.maybe(0.3) else axis}
    )
    return b.finish(b.call("Softmax", [x], **attributes))


def arg_max(b: Builder, x: str) -> str:
    """The class of every pixel."""
    attributes: dict[str, Any] = {"axis": 1, "keepdims": int(b.maybe(0.5))}
    if b.opset >= 12 and b.maybe(0.3):
        attributes["select_last_index"] = 1
    return b.finish(b.call("ArgMax", [x], **attributes))


def dense(b: Builder, x: str) -> str:
    """Gemm or MatMul, of a vector or of the last axis."""
    shape = b.shape(x)
    if len(shape) != 2:
        if b.maybe(0.5) and len(shape) >= 3:
            weight = b.weights([shape[-1], b.one_of(1, 3, 8)], shape[-1], axis=1)
            y = b.call("MatMul", [x, weight])
            if b.maybe(0.5):
                y = b.call("Add", [y, b.bias(b.shape(weight)[1])])
            return b.finish(activation(b, y))
        x = b.finish(b.call("Flatten", [x], axis=1), moves=True)
        shape = b.shape(x)
    features, out = shape[1], b.one_of(1, 2, 5, 10, 16, 24)
    if b.maybe(0.35):
        y = b.call("MatMul", [x, b.weights([features, out], features, axis=1)])
        y = b.call("Add", [y, b.bias(out)]) if b.maybe(0.6) else y
    elif b.maybe(0.6):
        y = b.call("Gemm", [x, b.weights([out, features], features), b.bias(out)], transB=1)
    else:
        inputs = [x, b.weights([features, out], features, axis=1)] + (
            [b.bias(out)] if b.opset < 11 or b.maybe(0.7) else []
        )
        y = b.call("Gemm", inputs)
    return b.finish(activation(b, y))


def normalisation(b: Builder, x: str) -> str:
    """BatchNormalization by itself, InstanceNormalization, LayerNormalization, PRelu."""
    shape = b.shape(x)
    if len(shape) < 3:
        raise Impossible("needs a map")
    channels = shape[1]
    scale, bias, mean = (b.draw.normal(at, 0.3, channels).astype(np.float32) for at in (1, 0, 0))
    kind = b.one_of("BatchNormalization", "PRelu", "InstanceNormalization", "LayerNormalization")
    if kind == "BatchNormalization":
        variance = b.draw.uniform(0.5, 2, channels).astype(np.float32)
        return b.finish(b.call(kind, [x, *(b.constant(v) for v in (scale, bias, mean, variance))]))
    if kind == "PRelu":
        slopes = b.draw.uniform(0.05, 0.5, [channels if b.maybe(0.7) else 1, *[1] * (len(shape) - 2)])
        return b.finish(b.call(kind, [x, b.constant(slopes.astype(np.float32))]))
    if kind == "InstanceNormalization":
        return b.finish(b.call(kind, [x, b.constant(scale), b.constant(bias)]))
    if b.opset < 17:
        raise Impossible("not in this operator set")
    scale, bias = (b.draw.normal(at, 0.3, shape[-1]).astype(np.float32) for at in (1, 0))
    return b.finish(b.call(kind, [x, b.constant(scale), b.constant(bias)], axis=-1))
