"""Quantised networks of many blocks, with random weights: what planning takes longest for.

* ``slim_320``: a face detector of one shot on 240 x 320 pixels, with heads on four scales, 4,420 anchors and their
  boxes decoded (the shape of Ultra-Light-Fast-Generic-Face-Detector's slim model).
* ``text_direction``: MobileNetV3-small of width 0.35 on 48 x 192 pixels, with strides along rows alone, as PP-OCR's
  classifier of text direction has them, and with squeeze-and-excite.
* ``yolov8n``: C2f blocks, SPPF, a pyramid of two ways, three decoupled heads, and boxes as sums over a softmax.
* ``chain``: convolutions one after the other, as many as wanted.

Every activation is int8 between QuantizeLinear and DequantizeLinear, as ``quantize_static`` leaves it.

    python benchmarks/many_blocks.py FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
SCALE = 0.05  # of all activations that no operator has a scale of its own for
SEED = 320


class Graph:
    """A QDQ graph under construction. Methods take and give names of dequantised tensors, [1][channel][row][column].

    Attributes:
        channels: of each tensor that a convolution or a concatenation made.
    """

    def __init__(self, height: int, width: int) -> None:
        self.random = np.random.default_rng(SEED)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.shape = (1, 3, height, width)
        self.channels: dict[str, int] = {}
        self.image = self.op("DequantizeLinear", "image", *self.parameters(SCALE))
        self.channels[self.image] = 3

    def constant(self, values: Any) -> str:
        """An initializer."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def parameters(self, scale: float, zero_point: int = 0, dtype: Any = np.int8) -> tuple[str, str]:
        """A scale and a zero point."""
        return self.constant(np.float32(scale)), self.constant(np.asarray(zero_point, dtype))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node of one result, which stays as it is."""
        result = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [result], name=f"node_{result}", **attributes))
        return result

    def made(self, kind: str, *inputs: str, scale: float = SCALE, zero_point: int = 0, **attributes: Any) -> str:
        """A node whose result is quantised."""
        result = self.op(kind, *inputs, **attributes)
        for edge in ("QuantizeLinear", "DequantizeLinear"):
            result = self.op(edge, result, *self.parameters(scale, zero_point))
        self.channels[result] = self.channels.get(inputs[0], 0)
        return result

    def fixed(self, values: Any, scale: float = SCALE) -> str:
        """A dequantised constant."""
        quantized = np.clip(np.round(np.asarray(values) / scale), -128, 127).astype(np.int8)
        return self.op("DequantizeLinear", self.constant(quantized), *self.parameters(scale))

    def conv(
        self, x: str, outputs: int, kernel: int = 1, stride: Sequence[int] = (1, 1), *, depthwise: bool = False,
        activation: str = "",
    ) -> str:  # fmt: skip
        """A convolution of equal padding; activations are Relu, which joins it, HardSwish and SiLU."""
        inputs = self.channels[x]
        shape = (outputs, 1 if depthwise else inputs, kernel, kernel)
        scale = 0.6 / 73 / np.sqrt(np.prod(shape[1:]))  # as many steps of the result as of the operand
        weights = self.random.integers(-127, 128, shape).astype(np.int8)
        weight = self.op("DequantizeLinear", self.constant(weights), *self.parameters(scale))
        bias_values = self.random.integers(-3000, 3000, outputs).astype(np.int32)
        bias = self.op("DequantizeLinear", self.constant(bias_values), *self.parameters(scale * SCALE, 0, np.int32))
        groups = inputs if depthwise else 1
        result = self.op(
            "Conv",
            x,
            weight,
            bias,
            kernel_shape=[kernel] * 2,
            strides=list(stride),
            pads=[kernel // 2] * 4,
            group=groups,
        )
        if activation == "Relu":
            result = self.op("Relu", result)
        result = self.made("Identity", result)
        if activation == "HardSwish":
            result = self.made("HardSwish", result)
        elif activation == "SiLU":
            result = self.made("Mul", result, self.made("Sigmoid", result, scale=1 / 256, zero_point=-128))
        self.channels[result] = outputs
        return result

    def concat(self, *tensors: str, axis: int = 1) -> str:
        """Tensors one behind the other."""
        result = self.made("Concat", *tensors, axis=axis)
        self.channels[result] = sum(self.channels[x] for x in tensors) if axis == 1 else 0
        return result

    def slice(self, x: str, begin: int, end: int, axis: int) -> str:
        """Indices ``begin`` to ``end`` of an axis."""
        bounds = [self.constant(np.array([bound], np.int64)) for bound in (begin, end, axis)]
        result = self.made("Slice", x, *bounds)
        self.channels[result] = end - begin if axis == 1 else 0
        return result

    def reshape(self, x: str, *shape: int) -> str:
        """The same values in another shape."""
        return self.made("Reshape", x, self.constant(np.array(shape, np.int64)))

    def model(self, *outputs: str) -> onnx.ModelProto:
        """The model with these results, as int8 where they are quantised."""
        makers = {node.output[0]: node for node in self.nodes}
        results = [makers[name].input[0] for name in outputs]
        image = helper.make_tensor_value_info("image", TensorProto.INT8, self.shape)
        ports = [helper.make_empty_tensor_value_info(name) for name in results]
        graph = helper.make_graph(self.nodes, "many_blocks", [image], ports, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        onnx.checker.check_model(inferred)
        return inferred


def chain(layers: int, size: int = 64, channels: int = 8) -> onnx.ModelProto:
    """Convolutions 3 x 3 with Relu, one after the other, on maps of ``size`` x ``size`` pixels."""
    g = Graph(size, size)
    x = g.image
    for _ in range(layers):
        x = g.conv(x, channels, 3, activation="Relu")
    return g.model(x)


def slim_320() -> onnx.ModelProto:
    """One-shot detector on four scales: scores (1, 4420, 2) and boxes (1, 4420, 4)."""
    g = Graph(240, 320)

    def separable(x: str, outputs: int, stride: int = 1) -> str:
        x = g.conv(x, g.channels[x], 3, (stride, stride), depthwise=True, activation="Relu")
        return g.conv(x, outputs, activation="Relu")

    x = g.conv(g.image, 16, 3, (2, 2), activation="Relu")
    features = []
    for stage in (
        ((32, 1), (32, 2), (32, 1), (64, 2), (64, 1), (64, 1), (64, 1)),
        ((128, 2), (128, 1), (128, 1)),
        ((256, 2), (256, 1)),
    ):  # fmt: skip
        for outputs, stride in stage:
            x = separable(x, outputs, stride)
        features.append(x)
    x = g.conv(x, 64, activation="Relu")
    x = g.conv(x, 64, 3, (2, 2), depthwise=True, activation="Relu")
    features.append(g.conv(x, 256, activation="Relu"))

    def heads(values: int) -> str:
        found = []
        for number, (x, anchors) in enumerate(zip(features, (3, 2, 2, 3), strict=True)):
            y = g.conv(x, g.channels[x], 3, depthwise=True, activation="Relu") if number < 3 else x
            head = g.conv(y, anchors * values, 1 if number < 3 else 3)
            found.append(g.reshape(g.made("Transpose", head, perm=[0, 2, 3, 1]), 1, -1, values))
        return g.concat(*found, axis=1)

    scores = g.made("Softmax", heads(2), axis=2, scale=1 / 256, zero_point=-128)
    boxes = heads(4)
    priors = g.random.uniform(0, 1, (2, 1, 4420, 2))
    centre = g.made("Mul", g.slice(boxes, 0, 2, 2), g.fixed(0.1 * priors[1], 0.001))
    centre = g.made("Add", centre, g.fixed(priors[0], 0.01))
    size = g.made("Exp", g.made("Mul", g.slice(boxes, 2, 4, 2), g.fixed([0.2], 0.002)))
    half = g.made("Mul", size, g.fixed(priors[1] / 2, 0.01))
    corners = g.concat(g.made("Sub", centre, half), g.made("Add", centre, half), axis=2)
    return g.model(scores, corners)


def text_direction() -> onnx.ModelProto:
    """MobileNetV3-small of width 0.35: probabilities (1, 2)."""
    g = Graph(48, 192)
    blocks = (  # kernel, expanded channels, channels, squeeze-and-excite, activation, stride along rows
        (3, 8, 8, True, "Relu", 1), (3, 24, 8, False, "Relu", 2), (3, 32, 8, False, "Relu", 1),
        (5, 32, 16, True, "HardSwish", 2), (5, 88, 16, True, "HardSwish", 1), (5, 88, 16, True, "HardSwish", 1),
        (5, 40, 16, True, "HardSwish", 1), (5, 48, 16, True, "HardSwish", 1), (5, 104, 32, True, "HardSwish", 2),
        (5, 200, 32, True, "HardSwish", 1), (5, 200, 32, True, "HardSwish", 1),
    )  # fmt: skip
    x = g.conv(g.image, 8, 3, (2, 2), activation="HardSwish")
    for kernel, expanded, outputs, excites, activation, stride in blocks:
        y = g.conv(x, expanded, activation=activation)
        y = g.conv(y, expanded, kernel, (stride, 1), depthwise=True, activation=activation)
        if excites:
            squeezed = g.conv(g.made("GlobalAveragePool", y), -(-expanded // 4), activation="Relu")
            gate = g.made("HardSigmoid", g.conv(squeezed, expanded), alpha=0.2, scale=1 / 256, zero_point=-128)
            y = g.made("Mul", y, gate)
        y = g.conv(y, outputs)
        x = g.made("Add", x, y) if stride == 1 and g.channels[x] == outputs else y
    x = g.conv(x, 200, activation="HardSwish")
    x = g.made("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = g.conv(g.made("GlobalAveragePool", x), 2)
    return g.model(g.made("Softmax", g.reshape(x, 1, 2), axis=1, scale=1 / 256, zero_point=-128))


def yolov8n(height: int, width: int) -> onnx.ModelProto:
    """YOLOv8n of 80 classes: boxes and probabilities (1, 84, anchors)."""
    g = Graph(height, width)

    def conv(x: str, outputs: int, kernel: int = 1, stride: int = 1) -> str:
        return g.conv(x, outputs, kernel, (stride, stride), activation="SiLU")

    def c2f(x: str, outputs: int, count: int, *, shortcut: bool) -> str:
        x = conv(x, outputs)
        parts = [g.slice(x, 0, outputs // 2, 1), g.slice(x, outputs // 2, outputs, 1)]
        for _ in range(count):
            y = conv(conv(parts[-1], outputs // 2, 3), outputs // 2, 3)
            parts.append(g.made("Add", parts[-1], y) if shortcut else y)
        return conv(g.concat(*parts), outputs)

    def larger(x: str) -> str:
        scales = g.constant(np.array([1, 1, 2, 2], np.float32))
        return g.made("Resize", x, "", scales, mode="nearest", nearest_mode="floor",
                      coordinate_transformation_mode="asymmetric")  # fmt: skip

    x = c2f(conv(conv(g.image, 16, 3, 2), 32, 3, 2), 32, 1, shortcut=True)
    eighth = c2f(conv(x, 64, 3, 2), 64, 2, shortcut=True)
    sixteenth = c2f(conv(eighth, 128, 3, 2), 128, 2, shortcut=True)
    x = conv(c2f(conv(sixteenth, 256, 3, 2), 256, 1, shortcut=True), 128)
    pooled = [x]
    for _ in range(3):
        pooled.append(g.made("MaxPool", pooled[-1], kernel_shape=[5, 5], pads=[2] * 4))
    thirty_second = conv(g.concat(*pooled), 256)
    middle = c2f(g.concat(larger(thirty_second), sixteenth), 128, 1, shortcut=False)
    fine = c2f(g.concat(larger(middle), eighth), 64, 1, shortcut=False)
    middle = c2f(g.concat(conv(fine, 64, 3, 2), middle), 128, 1, shortcut=False)
    coarse = c2f(g.concat(conv(middle, 128, 3, 2), thirty_second), 256, 1, shortcut=False)
    levels = []
    for feature in (fine, middle, coarse):
        boxes = g.conv(conv(conv(feature, 64, 3), 64, 3), 64)
        classes = g.conv(conv(conv(feature, 80, 3), 80, 3), 80)
        levels.append(g.reshape(g.concat(boxes, classes), 1, 144, -1))
    anchors = sum(height // step * (width // step) for step in (8, 16, 32))
    x = g.concat(*levels, axis=2)
    classes = g.made("Sigmoid", g.slice(x, 64, 144, 1), scale=1 / 256, zero_point=-128)
    x = g.made("Transpose", g.reshape(g.slice(x, 0, 64, 1), 1, 4, 16, anchors), perm=[0, 2, 1, 3])
    x = g.made("Softmax", x, axis=1, scale=1 / 256, zero_point=-128)
    g.channels[x] = 16
    x = g.reshape(g.conv(x, 1), 1, 4, anchors)
    centres = g.fixed(g.random.uniform(0, 80, (1, 2, anchors)), 0.7)
    near, far = g.made("Sub", centres, g.slice(x, 0, 2, 1)), g.made("Add", g.slice(x, 2, 4, 1), centres)
    boxes = g.concat(g.made("Add", near, far), g.made("Sub", far, near))
    return g.model(g.made("Concat", boxes, classes, axis=1))


NETWORKS: Mapping[str, Callable[[], onnx.ModelProto]] = {
    "slim_320": slim_320,
    "text_direction": text_direction,
    "yolov8n_320": lambda: yolov8n(320, 320),
    "yolov8n_640": lambda: yolov8n(640, 640),
}


def main() -> int:
    """Command line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in NETWORKS.items():
        onnx.save(make(), folder / f"{name}.onnx")
    return 0


if __name__ == "__main__":
    sys.exit(main())
