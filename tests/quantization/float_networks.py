"""Small float networks as exporters write them."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HEIGHT, WIDTH = 16, 24


class Builder:
    """A graph under construction."""

    def __init__(self, seed: int = 1) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value, dtype=np.float32) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, kind: str, inputs: list[str], name: str = "", **attributes) -> str:
        name = name or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def conv(self, source: str, inputs: int, outputs: int, kernel: int = 3, **attributes) -> str:
        weight = self.random.normal(0, (inputs * kernel * kernel) ** -0.5, (outputs, inputs, kernel, kernel))
        bias = self.random.normal(0, 0.1, outputs)
        pads = [kernel // 2] * 4
        return self.node("Conv", [source, self.constant(weight), self.constant(bias)], pads=pads, **attributes)

    def model(self, output: str, shape: list[int | str | None]) -> onnx.ModelProto:
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, [None] * 4)
        graph = helper.make_graph(self.nodes, "net", [image], [result], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        return model


def mobile_head(shape: list[int | str | None] | None = None) -> onnx.ModelProto:
    """Hard-swish, squeeze-and-excite, GELU as a chain of Erf, a concatenation, a bilinear resize and a sigmoid."""
    b = Builder()
    x = b.node("HardSwish", [b.conv("image", 3, 8, strides=[2, 2])])
    gate = b.node("Relu", [b.conv(b.node("GlobalAveragePool", [x]), 8, 4, 1)])
    x = b.node("Mul", [x, b.node("HardSigmoid", [b.conv(gate, 4, 8, 1)], alpha=1 / 6)])
    erf = b.node("Erf", [b.node("Div", [x, b.constant(2.0**0.5)])])
    chance = b.node("Mul", [x, b.node("Add", [erf, b.constant(1.0)])])
    x = b.node("Mul", [chance, b.constant(0.5)], "gelu")
    x = b.node("Concat", [b.conv(x, 8, 4, 1), b.node("Relu", [b.conv(x, 8, 4)])], axis=1)
    x = b.node("Resize", [x, "", b.constant([1.0, 1.0, 2.0, 2.0])], mode="linear")
    return b.model(b.node("Sigmoid", [b.conv(x, 8, 2, 1)], "mask"), shape or [1, 3, HEIGHT, WIDTH])


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network in float16, but for what Resize takes in float32."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    scales = {node.input[2] for node in result.graph.node if node.op_type == "Resize"}
    for constant in result.graph.initializer:
        if constant.name not in scales:
            value = numpy_helper.to_array(constant).astype(np.float16)
            constant.CopyFrom(numpy_helper.from_array(value, constant.name))
    for port in (*result.graph.input, *result.graph.output):
        port.type.tensor_type.elem_type = TensorProto.FLOAT16
    return result
