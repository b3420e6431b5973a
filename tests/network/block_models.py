"""Models of attention, gated maps and wide dense layers, quantised by QDQ: for tests of blocks of channels."""

from __future__ import annotations

import numpy as np
import onnx

from tests.passes.qdq_models import QdqModel


class BlockModel(QdqModel):
    """What is quantised after each operator, with random weights."""

    def coded(self, value: str, scale: float, zero_point: int = 0) -> str:
        return str(self.dequantize(self.quantize(value, scale, zero_point), scale, zero_point))

    def dense(self, x: str, inputs: int, outputs: int, scale: float = 0.03) -> str:
        weight = self.weight(inputs, outputs, scale=0.012 / np.sqrt(inputs), axis=1)
        return self.coded(self.op("MatMul", x, weight), scale)

    def attention(self, x: str, tokens: int, heads: int, depth: int) -> str:
        """Of all tokens to all tokens, behind projections and before one."""
        width = heads * depth

        def projected(permutation: list[int]) -> str:
            parts = self.op("Reshape", self.dense(x, width, width), self.constant(np.array([1, tokens, heads, depth])))
            return str(self.op("Transpose", parts, perm=permutation))

        scores = self.coded(self.op("MatMul", projected([0, 2, 1, 3]), projected([0, 2, 3, 1])), 0.05)
        scaled = self.coded(self.op("Mul", scores, self.constant(np.float32(depth**-0.5))), 0.05)
        weights = self.coded(self.op("Softmax", scaled, axis=-1), 1 / 256, -128)
        mixed = self.coded(self.op("MatMul", weights, projected([0, 2, 1, 3])), 0.02)
        joined = self.op("Transpose", mixed, perm=[0, 2, 1, 3])
        y = self.op("Reshape", joined, self.constant(np.array([1, tokens, width])))
        return self.coded(self.op("Add", x, self.dense(y, width, width)), 0.05)


def transformer(tokens: int, heads: int, depth: int, layers: int = 1, seed: int = 0) -> onnx.ModelProto:
    """Layers of attention and of two dense layers over tokens, then a mean and classes."""
    model, width = BlockModel(seed), heads * depth
    x = model.activation(1, tokens, width)
    for _ in range(layers):
        x = model.attention(x, tokens, heads, depth)
        wide = model.coded(model.op("Relu", model.dense(x, width, 2 * width)), 0.03)
        x = model.coded(model.op("Add", x, model.dense(wide, 2 * width, width)), 0.05)
    mean = model.coded(model.op("ReduceMean", x, axes=[1], keepdims=0), 0.03)
    return model.build(model.quantize(model.op("MatMul", mean, model.weight(width, 4)), 0.05))


def gated(rows: int, channels: int, wide: int, seed: int = 0) -> onnx.ModelProto:
    """An inverted residual with squeeze-and-excite: 1x1, depthwise 5x5, a gate by the mean, 1x1, and a shortcut."""
    model = BlockModel(seed)
    x = model.activation(1, channels, rows, rows)

    def conv(x: str, outputs: int, inputs: int, kernel: int = 1, group: int = 1) -> str:
        weight = model.weight(outputs, inputs // group, kernel, kernel, scale=0.02 / kernel)
        made = model.op("Conv", x, weight, pads=[kernel // 2] * 4, group=group, kernel_shape=[kernel, kernel])
        return model.coded(made, 0.04)

    expanded = model.coded(model.op("Relu", conv(x, wide, channels)), 0.03)
    mapped = conv(expanded, wide, wide, 5, wide)
    squeezed = conv(model.coded(model.op("GlobalAveragePool", mapped), 0.02), 4, wide)
    gate = model.coded(model.op("Sigmoid", conv(squeezed, wide, 4)), 1 / 256, -128)
    y = conv(model.coded(model.op("Mul", mapped, gate), 0.03), channels, wide)
    return model.build(model.quantize(model.op("Add", x, y), 0.06))


def dense_chain(inputs: int, wide: int, outputs: int, seed: int = 0) -> onnx.ModelProto:
    """Two dense layers of one vector, with a wide middle."""
    model = BlockModel(seed)
    middle = model.coded(model.op("Relu", model.dense(model.activation(1, inputs), inputs, wide)), 0.03)
    return model.build(model.quantize(model.op("MatMul", middle, model.weight(wide, outputs)), 0.05))
