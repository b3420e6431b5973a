"""Small QDQ models of int16 and uint16 activations, one of each operator family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from tests.passes.qdq_models import QdqModel


def shifted(zero_point: int, dtype: np.dtype) -> int:
    """The zero point of an unsigned type that stands where this one stands in the signed one."""
    limits = np.iinfo(dtype)
    return zero_point if limits.min else zero_point + (int(limits.max) + 1) // 2


class WideModel(QdqModel):
    """A model whose quantisers are of int16 or uint16; zero points are said as of the signed type."""

    def __init__(self, dtype: Any = np.int16, seed: int = 0) -> None:
        super().__init__(seed, opset=21)
        self.dtype = np.dtype(dtype)

    def read(self, *shape: int, scale: float = 0.0002, zero_point: int = 300, dtype: Any = None) -> str:
        """A dequantised input."""
        held = np.dtype(self.dtype if dtype is None else dtype)
        kind = onnx.helper.np_dtype_to_tensor_dtype(held)
        return self.dequantize(self.input(*shape, dtype=kind), scale, shifted(zero_point, held), held)

    def held(self, x: str, scale: float = 0.0004, zero_point: int = 700, dtype: Any = None) -> str:
        """A quantised result."""
        held = np.dtype(self.dtype if dtype is None else dtype)
        return self.quantize(x, scale, shifted(zero_point, held), held)

    def again(self, x: str, scale: float = 0.0004, zero_point: int = 700) -> str:
        """A result that was quantised, for others to read."""
        return self.dequantize(self.held(x, scale, zero_point), scale, shifted(zero_point, self.dtype), self.dtype)

    def weighted(self, kind: str, x: str, *shape: int, channels: int, axis: int = 0, **attributes: Any) -> str:
        """A convolution or a fully connected layer, with a bias of the scale of its sums."""
        w = self.weight(*shape, axis=axis)
        return str(self.op(kind, x, w, self.bias(channels, x, w), name="the_sum", **attributes))


Build = Callable[[WideModel], onnx.ModelProto]
CASES: dict[str, tuple[set[str], Build]] = {}


def case(*kinds: str, name: str = "") -> Callable[[Build], Build]:
    """A model that becomes operators of these kinds."""

    def register(build: Build) -> Build:
        CASES[name or build.__name__] = (set(kinds), build)
        return build

    return register


CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "convolution": {"shape": (6, 4, 3, 3), "pads": [1, 1, 1, 1]},
    "strided": {"shape": (5, 4, 2, 3), "strides": [2, 1]},
    "dilated": {"shape": (4, 4, 3, 3), "dilations": [2, 2], "pads": [2, 2, 2, 2]},
    "grouped": {"shape": (6, 2, 3, 3), "group": 2},
    "depthwise": {"shape": (4, 1, 3, 3), "group": 4, "pads": [1, 1, 1, 1]},
}
for _name, _options in CONVOLUTIONS.items():

    @case("conv2d", name=_name)
    def _convolution(model: WideModel, options: dict[str, Any] = _options) -> onnx.ModelProto:
        attributes = {key: value for key, value in options.items() if key != "shape"}
        shape = options["shape"]
        x = model.read(1, 4, 7, 9)
        return model.build(model.held(model.weighted("Conv", x, *shape, channels=shape[0], **attributes)))


@case("conv2d")
def causal(model: WideModel) -> onnx.ModelProto:
    y = model.weighted("Conv", model.read(1, 4, 20), 4, 4, 3, channels=4, pads=[4, 0], dilations=[2])
    return model.build(model.held(y))


@case("conv2d")
def relu(model: WideModel) -> onnx.ModelProto:
    y = model.weighted("Conv", model.read(1, 4, 7, 9), 4, 4, 3, 3, channels=4)
    return model.build(model.held(model.op("Relu", y)))


@case("conv2d_transpose")
def transposed(model: WideModel) -> onnx.ModelProto:
    w = model.weight(4, 5, 3, 3)
    y = model.op("ConvTranspose", model.read(1, 4, 5, 6), w, strides=[2, 2], pads=[1, 1, 1, 1])
    return model.build(model.held(y))


@case("dense")
def fully_connected(model: WideModel) -> onnx.ModelProto:
    return model.build(model.held(model.weighted("Gemm", model.read(3, 60), 7, 60, channels=7, transB=1), 0.001))


@case("dense")
def matmul(model: WideModel) -> onnx.ModelProto:
    return model.build(model.held(model.op("MatMul", model.read(1, 6, 8), model.weight(8, 5, axis=1)), 0.0002))


@case("matmul")
def matmul_of_activations(model: WideModel) -> onnx.ModelProto:
    product = model.op("MatMul", model.read(1, 2, 6, 8), model.read(1, 2, 8, 5, scale=0.0003))
    return model.build(model.held(product, 0.002))


@case("max_pool2d")
def max_pool(model: WideModel) -> onnx.ModelProto:
    x = model.again(model.read(1, 4, 7, 9), 0.0002, 300)
    return model.build(model.held(model.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 0.0002, 300))


@case("average_pool2d")
def average_pool(model: WideModel) -> onnx.ModelProto:
    y = model.op("AveragePool", model.read(1, 4, 7, 9), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    return model.build(model.held(y, 0.0001))


@case("global_pool")
def global_average(model: WideModel) -> onnx.ModelProto:
    return model.build(model.held(model.op("GlobalAveragePool", model.read(1, 40, 5, 6)), 0.0001))


@case("average_pool2d")
def mean_of_rows(model: WideModel) -> onnx.ModelProto:
    axes = model.constant(np.array([3], np.int64))
    return model.build(model.held(model.op("ReduceMean", model.read(1, 9, 7, 9), axes, keepdims=1), 0.0001))


for _function in ("Add", "Sub", "Mul"):

    @case("elementwise", name=_function.lower())
    def _binary(model: WideModel, function: str = _function) -> onnx.ModelProto:
        x, y = model.read(1, 4, 7, 9), model.read(1, 4, 7, 9, scale=0.0003, zero_point=20000)
        return model.build(model.held(model.op(function, x, y), 0.0009))


@case("elementwise_constant")
def constant_operand(model: WideModel) -> onnx.ModelProto:
    values = model.random.integers(0, 30000, (4, 1, 1)).astype(model.dtype)
    other = model.dequantize(model.constant(values), 0.0001, shifted(900, model.dtype), model.dtype)
    return model.build(model.held(model.op("Mul", model.read(1, 4, 7, 9), other)))


@case("clip", "max_pool2d")
def clipped(model: WideModel) -> onnx.ModelProto:
    x = model.read(1, 4, 7, 9)
    pooled = model.op("MaxPool", x, kernel_shape=[2, 2])
    bounds = [model.constant(np.float32(bound)) for bound in (-1, 4.5)]
    return model.build(model.held(model.op("Clip", x, *bounds), 0.0002, 300), model.held(pooled, 0.0002, 300))


@case("requantize")
def concatenation(model: WideModel) -> onnx.ModelProto:
    x, y = model.read(1, 3, 5, 4), model.read(1, 2, 5, 4, scale=0.0007, zero_point=11)
    return model.build(model.held(model.op("Concat", x, y, axis=1)))


@case("softmax")
def softmax(model: WideModel) -> onnx.ModelProto:
    return model.build(model.held(model.op("Softmax", model.read(1, 6, 12), axis=-1), 1 / 40000, 0))


@case("argmax")
def argmax(model: WideModel) -> onnx.ModelProto:
    return model.build(model.op("ArgMax", model.read(1, 30, 4, 9), axis=1, keepdims=0))


@case("resize2d")
def nearest(model: WideModel) -> onnx.ModelProto:
    scales = model.constant(np.array([1, 1, 2, 2], np.float32))
    y = model.op("Resize", model.read(1, 4, 5, 6), "", scales, mode="nearest", nearest_mode="floor")
    return model.build(model.held(y, 0.0002, 300))


@case()
def movement(model: WideModel) -> onnx.ModelProto:
    pads = model.constant(np.array([0, 0, 1, 0, 0, 0, 2, 1], np.int64))
    x = model.op("Pad", model.read(1, 4, 5, 6), pads, model.constant(np.float32(0.5)))
    x = model.op("Transpose", x, perm=[0, 2, 3, 1])
    x = model.op("Slice", x, *(model.constant(np.array([end], np.int64)) for end in (1, 3, 3)))
    return model.build(model.held(x, 0.0002, 300))


@case("depth_to_space")
def depth_to_space(model: WideModel) -> onnx.ModelProto:
    return model.build(model.held(model.op("DepthToSpace", model.read(1, 8, 5, 6), blocksize=2), 0.0002, 300))


@case("quantize", "elementwise", "dequantize")
def float_ports(model: WideModel) -> onnx.ModelProto:
    x = model.again(model.input(1, 4, 7, 9, dtype=TensorProto.FLOAT))
    return model.build(model.again(model.op("Add", x, x), 0.0009))


def every_kind(dtype: Any = np.int16) -> onnx.ModelProto:
    """A network of nearly all kinds: two branches, sums of 32 and of 64 bits, and some layers of int8."""
    model = WideModel(dtype)

    def sum_of(kind: str, x: str, *shape: int, channels: int, **attributes: Any) -> str:
        w = model.weight(*shape, axis=0 if kind == "Conv" else None)
        return model.again(model.op("Relu", model.op(kind, x, w, model.bias(channels, x, w), **attributes)), 0.0008)

    x = model.read(1, 3, 10, 12)
    first = sum_of("Conv", x, 8, 3, 3, 3, channels=8, pads=[1, 1, 1, 1])
    depthwise = sum_of("Conv", first, 8, 1, 3, 3, channels=8, group=8, pads=[1, 1, 1, 1], strides=[2, 2])
    deep = sum_of("Conv", depthwise, 136, 8, 1, 1, channels=136)
    wide = sum_of("Conv", deep, 7, 136, 3, 3, channels=7, pads=[1, 1, 1, 1])  # sums of 64 bits
    narrow = model.dequantize(model.quantize(wide, 0.2, 3), 0.2, 3)
    grouped = model.op("Conv", narrow, model.weight(8, 7, 1, 1, axis=0), name="narrow_layer")
    grouped = model.dequantize(model.quantize(grouped, 0.3, -7), 0.3, -7)
    scales = model.constant(np.array([1, 1, 2, 2], np.float32))
    resized = model.again(model.op("Resize", grouped, "", scales, mode="linear"))
    up = model.again(model.op("ConvTranspose", depthwise, model.weight(8, 8, 2, 2), strides=[2, 2]), 0.002)
    added = model.again(model.op("Add", resized, up), 0.003)
    pooled = model.op("MaxPool", first, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    joined = model.again(model.op("Concat", added, pooled, axis=1), 0.003)
    averaged = model.again(model.op("AveragePool", joined, kernel_shape=[2, 2]), 0.003)
    shares = model.held(model.op("Softmax", averaged, axis=1), 1 / 40000, 0)
    classes = model.op("ArgMax", averaged, axis=1, keepdims=0)
    mean = model.again(model.op("GlobalAveragePool", joined), 0.003)
    gate = model.again(model.op("Mul", joined, mean), 0.01)
    flat = model.op("Reshape", gate, model.constant(np.array([1, -1], np.int64)))
    return model.build(shares, classes, model.held(model.op("MatMul", flat, model.weight(1920, 5, axis=1)), 0.05))
