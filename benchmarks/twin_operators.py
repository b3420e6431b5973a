"""Operators that people bring, as exporters write them: each takes a graph and its operand, and gives the result."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper
from operator_twins import Graph, Operator


def node(kind: str, *constants: Any, **attributes: Any) -> Operator:
    """One node, with constants behind its operand."""

    def made(g: Graph, x: str) -> str:
        return g.made(kind, x, *[g.constant(c) if c is not None else "" for c in constants], **attributes)

    return made


def raw(kind: str, *constants: Any, **attributes: Any) -> Operator:
    """The same without quantisation of the result."""

    def made(g: Graph, x: str) -> str:
        return g.op(kind, x, *[g.constant(c) if c is not None else "" for c in constants], **attributes)

    return made


def floats(*values: float) -> np.ndarray:
    """Values of float32; one is a scalar."""
    return np.array(values[0] if len(values) == 1 else values, np.float32)


def indices(*values: int) -> np.ndarray:
    """Values of int64."""
    return np.array(values, np.int64)


def slopes(channels: int) -> np.ndarray:
    """PRelu's slope per channel."""
    return np.linspace(0.05, 0.4, channels, dtype=np.float32).reshape(channels, 1, 1)


def prelu(count: int) -> Operator:
    """PRelu whose slopes are quantised as exporters leave them: in float32."""
    return node("PRelu", slopes(count) if count > 1 else np.full((1,), 0.2, np.float32))


def silu(g: Graph, x: str) -> str:
    """Product of the operand and its Sigmoid, not quantised."""
    return g.op("Mul", x, g.op("Sigmoid", x))


def gelu(g: Graph, x: str) -> str:
    """GELU as exporters write it before opset 20."""
    half = g.op("Mul", x, g.op("Add", g.op("Erf", g.op("Div", x, g.constant(floats(2**0.5)))), g.constant(floats(1))))
    return g.op("Mul", half, g.constant(floats(0.5)))


def mish(g: Graph, x: str) -> str:
    """Product of the operand and the Tanh of its Softplus, not quantised."""
    return g.op("Mul", x, g.op("Tanh", g.op("Softplus", x)))


def hard_swish(g: Graph, x: str) -> str:
    """HardSwish as exporters write it before opset 14."""
    clip = g.op("Clip", g.op("Add", x, g.constant(floats(3))), g.constant(floats(0)), g.constant(floats(6)))
    return g.op("Div", g.op("Mul", x, clip), g.constant(floats(6)))


def quantised(operator: Operator) -> Operator:
    """An operator of float, its result quantised."""
    return lambda g, x: g.quantised(operator(g, x))


def residual(g: Graph, x: str) -> str:
    """Conv, Add with a quantised tensor, Relu: what TensorRT's exporter quantises once."""
    x = g.quantised(x)
    return g.op("Relu", g.op("Add", g.conv(x, 16, 16), x))


def residual_twin(g: Graph, x: str) -> str:
    """The same with the sum's operands quantised."""
    x = g.quantised(x)
    return g.op("Relu", g.op("Add", g.quantised(g.conv(x, 16, 16)), x))


ACTIVATIONS: dict[str, Operator] = {
    "SiLU": silu,
    "GELU": gelu,
    "Gelu": raw("Gelu"),
    "Elu": raw("Elu"),
    "Sigmoid": raw("Sigmoid"),
    "Tanh": raw("Tanh"),
    "LeakyRelu": raw("LeakyRelu", alpha=0.1),
    "HardSwish": raw("HardSwish"),
    "hard swish of Clip": hard_swish,
    "Mish": mish,
    "Softplus": raw("Softplus"),
    "PRelu": raw("PRelu", slopes(16)),
    "Mul by a constant": raw("Mul", floats(0.37)),
    "Mul per channel": raw("Mul", slopes(16)),
    "Add per channel": raw("Add", slopes(16)),
}
FUNCTIONS: dict[str, Operator] = {
    **{kind: raw(kind) for kind in ("Sigmoid", "Tanh", "Erf", "Exp", "Gelu", "HardSwish", "Softplus", "Sin")},
    "Sqrt": lambda g, x: g.op("Sqrt", g.op("Abs", x)),
    "Pow": raw("Pow", floats(3)),
    "Div": raw("Div", floats(3.7)),
    "Div of two": lambda g, x: g.op("Div", x, g.op("Exp", x)),
    "SiLU": silu,
    "GELU": gelu,
}


def resize(scales: tuple[float, float], mode: str, transformation: str, **attributes: Any) -> Operator:
    """Resize by scales, not quantised."""
    return raw(
        "Resize", None, np.array([1, 1, *scales], np.float32), mode=mode,
        coordinate_transformation_mode=transformation, **attributes,
    )  # fmt: skip


def qoperator(operator: Operator) -> Operator:
    """An operator on the integers themselves."""

    def made(g: Graph, x: str) -> str:
        return g.dequantised(operator(g, g.op("QuantizeLinear", x, *g.parameters())))

    return made


def island(operator: Operator) -> Operator:
    """An operator between two functions of float, with nothing quantised between them."""
    return lambda g, x: g.quantised(g.op("Sigmoid", operator(g, g.op("Sin", x))))


NEAREST = quantised(resize((2, 2), "nearest", "asymmetric", nearest_mode="floor"))
HALVED = node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
RESIZES: list[tuple[str, Operator, Operator, tuple[int, int, int]]] = [
    *(
        (f"linear x2 {mode}", resize((2, 2), "linear", mode), NEAREST, (16, 24, 24))
        for mode in ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel")
    ),
    *(
        (f"nearest x2 {mode} {rounding}", resize((2, 2), "nearest", mode, nearest_mode=rounding), NEAREST, (16, 24, 24))
        for mode, rounding in (("half_pixel", "round_prefer_floor"), ("align_corners", "ceil"), ("half_pixel", "floor"))
    ),
    ("linear x1.5", resize((1.5, 1.5), "linear", "half_pixel"), NEAREST, (16, 24, 24)),
    ("linear x0.7", resize((0.7, 0.7), "linear", "half_pixel"), HALVED, (16, 48, 48)),
    ("cubic x2", resize((2, 2), "cubic", "half_pixel"), NEAREST, (16, 24, 24)),
    ("antialias x0.5", resize((0.5, 0.5), "linear", "half_pixel", antialias=1), HALVED, (16, 48, 48)),
]


def image(*, cast: str, transposed: bool, divide: bool) -> Operator:
    """Normalisation inside of the model: Cast, Transpose, Sub, Div (or Mul), QuantizeLinear."""

    def made(g: Graph, _: str) -> str:
        shape = (1, 96, 96, 3) if transposed else (1, 3, 96, 96)
        x = g.input(*shape, values="float")
        g.inputs[-1].type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(cast))
        x = x if cast == "float32" else g.op("Cast", x, to=1)
        x = g.op("Transpose", x, perm=[0, 3, 1, 2]) if transposed else x
        mean, deviation = (np.array(v, np.float32).reshape(3, 1, 1) for v in ([124, 116, 104], [58, 57, 57]))
        x = g.op("Sub", x, g.constant(mean))
        x = g.op("Div", x, g.constant(deviation)) if divide else g.op("Mul", x, g.constant(1 / deviation))
        return g.quantised(x)

    return made


def image_twin(g: Graph, _: str) -> str:
    """An int8 image and a Relu."""
    return g.made("Relu", g.input(1, 3, 96, 96))


def int32_image_twin(g: Graph, _: str) -> str:
    """A float32 image, quantised."""
    return g.made("Relu", g.quantised(g.input(1, 3, 96, 96, values="float")))


def gate(kind: str, *extents: int) -> Operator:
    """A product or sum with a second input that is broadcast."""
    return lambda g, x: g.made(kind, x, g.input(1, *extents))


def spatial_gate(g: Graph, x: str) -> str:
    """CBAM's: mean and maximum over the channels, a 7x7 convolution, a Sigmoid, a product."""
    both = [g.made(kind, x, g.constant(indices(1)), keepdims=1) for kind in ("ReduceMean", "ReduceMax")]
    scores = g.quantised(g.conv(g.made("Concat", *both, axis=1), 2, 1, 7))
    return g.made("Mul", x, g.made("Sigmoid", scores))


def spatial_twin(g: Graph, x: str) -> str:
    """Convolutions and tensors of equal shape; the product is of two whole pixels."""
    both = g.quantised(g.conv(x, 16, 2, 1))
    scores = g.quantised(g.conv(both, 2, 16, 7))
    return g.made("Mul", x, g.made("Relu", scores))


def column_gate(axis: int) -> Operator:
    """Coordinate attention's: the mean along an axis, a 1x1 convolution, a Sigmoid, a product."""

    def made(g: Graph, x: str) -> str:
        mean = g.made("ReduceMean", x, g.constant(indices(axis)), keepdims=1)
        return g.made("Mul", x, g.made("Sigmoid", g.quantised(g.conv(mean, 16, 16, 1))))

    return made


def coordinate_attention(g: Graph, x: str) -> str:
    """Both means, joined for one convolution, and both products."""
    rows, columns = (g.made("ReduceMean", x, g.constant(indices(axis)), keepdims=1) for axis in (3, 2))
    columns = g.made("Transpose", columns, perm=[0, 1, 3, 2])
    joined = g.made("Relu", g.quantised(g.conv(g.made("Concat", rows, columns, axis=2), 16, 8, 1)))
    parts = g.ops("Split", [joined, g.constant(indices(48, 48))], 2, axis=2)
    high = g.made("Sigmoid", g.quantised(g.conv(g.quantised(parts[0]), 8, 16, 1)))
    turned = g.made("Transpose", g.quantised(parts[1]), perm=[0, 1, 3, 2])
    wide = g.made("Sigmoid", g.quantised(g.conv(turned, 8, 16, 1)))
    return g.made("Mul", g.made("Mul", x, high), wide)


def squeeze_and_excite(g: Graph, x: str) -> str:
    """A gate per channel from the map's average."""
    y = g.made("GlobalAveragePool", x)
    y = g.made("Relu", g.quantised(g.conv(y, 16, 4, 1)))
    return g.made("Mul", x, g.made("Sigmoid", g.quantised(g.conv(y, 4, 16, 1))))


def shuffle(groups: int) -> Operator:
    """Reshape, Transpose, Reshape."""

    def made(g: Graph, x: str) -> str:
        x = g.made("Reshape", x, g.constant(indices(1, groups, 16 // groups, 48, 48)))
        x = g.made("Transpose", x, perm=[0, 2, 1, 3, 4])
        return g.made("Reshape", x, g.constant(indices(1, 16, 48, 48)))

    return made


def pixel(operator: Operator) -> Operator:
    """An operator on channels last."""

    def made(g: Graph, x: str) -> str:
        x = operator(g, g.made("Transpose", x, perm=[0, 2, 3, 1]))
        return g.made("Transpose", x, perm=[0, 3, 1, 2])

    return made


def split(axis: int, extent: int) -> Operator:
    """Split and a sum of the halves, repeated by Concat to the old extent."""

    def made(g: Graph, x: str) -> str:
        parts = g.ops("Split", [x, g.constant(indices(extent // 2, extent // 2))], 2, axis=axis)
        a, b = (g.quantised(part) for part in parts)
        return g.made("Concat", b, a, axis=axis)

    return made


def pad(mode: str, *amounts: int) -> Operator:
    """Pad, its amounts in rows and columns."""
    return node("Pad", indices(0, 0, *amounts[:2], 0, 0, *amounts[2:]), mode=mode)


def small(operator: Operator) -> Operator:
    """A 3x3 convolution without padding behind the operator's map."""
    return lambda g, x: g.quantised(g.conv(operator(g, x), 16, 16, pads=[0] * 4))


def concat(axis: int, *extents: int) -> Operator:
    """Concat with a constant."""
    return lambda g, x: g.made("Concat", x, g.fixed(np.full((1, *extents), 0.5)), axis=axis)
