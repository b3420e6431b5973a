"""Small quantised ONNX models for tests that need a whole model and no folder of real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from tests.passes.qdq_models import QdqModel

SCALE = 0.05


def segmenter(height: int = 16, width: int = 12, base: int = 4, *, gated: bool = True) -> onnx.ModelProto:
    """A U-Net of one level: int8 (1, 3, H, W) to int8 (1, 1, H, W), with a skip, a gate and a residual."""
    m = QdqModel(seed=1)
    x = m.activation(1, 3, height, width, scale=SCALE)
    skip = _conv(m, "down/conv", x, 3, base)
    low = m.op("MaxPool", skip, name="down/pool", kernel_shape=[2, 2], strides=[2, 2])
    low = _requantized(m, low)
    low = _conv(m, "bottom/conv", low, base, 2 * base)
    if gated:
        mean = _requantized(m, m.op("GlobalAveragePool", low, name="bottom/mean"))
        gate = m.op("Sigmoid", _conv(m, "bottom/excite", mean, 2 * base, 2 * base, kernel=1), name="bottom/sigmoid")
        low = _requantized(m, m.op("Mul", low, _requantized(m, gate, 1 / 256, -128), name="bottom/gate"))
    weight = m.weight(2 * base, base, 2, 2, scale=0.02)
    up = m.op("ConvTranspose", low, weight, m.bias(base, low, weight), name="up/transposed", strides=[2, 2])
    joined = _requantized(m, m.op("Concat", _requantized(m, up), skip, name="up/concat", axis=1))
    y = _conv(m, "up/conv", joined, 2 * base, base)
    y = _requantized(m, m.op("Add", y, skip, name="up/add"), 2 * SCALE)
    weight = m.weight(1, base, 1, 1, scale=0.05)
    head = m.op("Conv", y, weight, m.bias(1, y, weight), name="head")
    return m.build(m.quantize(head, SCALE, 5, name="mask"))


def one_convolution(extent: int = 12, channels: int = 8) -> onnx.ModelProto:
    """A 3 x 3 convolution, int8 (1, C, E, E) to int8 (1, C, E, E)."""
    m = QdqModel(seed=2)
    x = m.activation(1, channels, extent, extent, scale=SCALE)
    weight = m.weight(channels, channels, 3, 3, axis=0)
    y = m.op("Conv", x, weight, m.bias(channels, x, weight), name="conv", pads=[1] * 4)
    return m.build(m.quantize(y, SCALE, 5, name="y"))


def _conv(m: QdqModel, name: str, x: str, channels: int, outputs: int, kernel: int = 3) -> str:
    weight = m.weight(outputs, channels, kernel, kernel, axis=0)
    y = m.op("Conv", x, weight, m.bias(outputs, x, weight), name=name, pads=[kernel // 2] * 4)
    return _requantized(m, m.op("Relu", y, name=f"{name}/relu"))


def _requantized(m: QdqModel, x: str, scale: float = SCALE, zero_point: int = 3) -> str:
    return m.dequantize(m.quantize(x, scale, zero_point), scale, zero_point)


def with_float_ports(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with float32 ports ``image`` and ``logits``, as quantisation tools leave them."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    reader = next(node for node in graph.node if graph.input[0].name in node.input)
    writer = next(node for node in graph.node if graph.output[0].name in node.output)
    entry = onnx.helper.make_node("QuantizeLinear", ["image", *reader.input[1:]], [graph.input[0].name], name="entry")
    exit_ = onnx.helper.make_node(
        "DequantizeLinear", [graph.output[0].name, *writer.input[1:]], ["logits"], name="exit"
    )
    graph.node.insert(0, entry)
    graph.node.append(exit_)
    for port, name in ((graph.input[0], "image"), (graph.output[0], "logits")):
        port.name, port.type.tensor_type.elem_type = name, onnx.TensorProto.FLOAT
    return changed


def with_hostile_names(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with names that would break out of comments, strings, paths and macros."""
    hostile = ['"; system("touch owned"); //', "*/ #error */", "line\nbreak\r\t", "../../up", "%s%n", "??/", "naïve ✓"]
    renamed = onnx.ModelProto()
    renamed.CopyFrom(model)
    for number, node in enumerate(renamed.graph.node):
        node.name = f"{hostile[number % len(hostile)]}{number}"
    changed = {value.name: f"{hostile[1]}{number}" for number, value in enumerate(renamed.graph.input)}
    changed |= {value.name: f"{hostile[2]}{number}" for number, value in enumerate(renamed.graph.output)}
    for node in renamed.graph.node:
        for names in (node.input, node.output):
            names[:] = [changed.get(name, name) for name in names]
    for value in (*renamed.graph.input, *renamed.graph.output):
        value.name = changed[value.name]
    renamed.graph.name = hostile[1]
    return renamed


def save(model: onnx.ModelProto, path: Path) -> Path:
    onnx.save(model, path)
    return path


def image(model: onnx.ModelProto, seed: int = 0) -> np.ndarray:
    """Noise for the only input."""
    shape = [dimension.dim_value for dimension in model.graph.input[0].type.tensor_type.shape.dim]
    return np.random.default_rng(seed).integers(-128, 128, shape, dtype=np.int8)
