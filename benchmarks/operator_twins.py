"""Networks around one operator, and their twins, which have a table, a Relu or an older operator of equal shape there.

A network is a 3x3 convolution, the operator, a 3x3 convolution, with ports of the network's own type; weights are
random. ``int8``, ``uint8`` and ``int16`` networks have QuantizeLinear and DequantizeLinear behind every operator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SCALE = 0.03  # of all activations
SEED = 13
PORTS = {"int8": TensorProto.INT8, "uint8": TensorProto.UINT8, "int16": TensorProto.INT16, "float": TensorProto.FLOAT}


class Graph:
    """A network under construction. Methods take and give names of float tensors [1][channel][row][column]."""

    def __init__(self, values: str, opset: int) -> None:
        self.values = values
        self.opset = opset
        self.random = np.random.default_rng(SEED)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[Any] = []

    def constant(self, values: Any) -> str:
        """An initializer."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def weights(self, *shape: int) -> np.ndarray:
        """Random values of float32 around 0."""
        return self.random.normal(0, 1 / math.sqrt(math.prod(shape[1:])), shape).astype(np.float32)

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node of one result, which stays in float."""
        return self.ops(kind, inputs, 1, domain=domain, **attributes)[0]

    def ops(self, kind: str, inputs: Sequence[str], results: int, domain: str = "", **attributes: Any) -> list[str]:
        """A node of several results."""
        names = [f"{kind.lower()}{len(self.nodes)}_{i}" for i in range(results)]
        node = helper.make_node(kind, list(inputs), names, f"node_{names[0]}", domain=domain, **attributes)
        self.nodes.append(node)
        return names

    def parameters(self) -> list[str]:
        """Scale and zero point of an activation."""
        scale = SCALE / 256 if self.values == "int16" else SCALE
        zero = {"int8": np.int8(3), "uint8": np.uint8(120), "int16": np.int16(0)}[self.values]
        return [self.constant(np.float32(scale)), self.constant(zero)]

    def quantised(self, x: str) -> str:
        """Between QuantizeLinear and DequantizeLinear; as it is in networks of float."""
        return x if self.values == "float" else self.dequantised(self.op("QuantizeLinear", x, *self.parameters()))

    def dequantised(self, x: str) -> str:
        """Behind DequantizeLinear."""
        return self.op("DequantizeLinear", x, *self.parameters())

    def made(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node whose result is quantised."""
        return self.quantised(self.op(kind, *inputs, **attributes))

    def fixed(self, values: Any) -> str:
        """A constant operand, quantised as activations are."""
        values = np.asarray(values, np.float32)
        if self.values == "float":
            return self.constant(values)
        scale, zero = self.parameters()
        dtype = np.dtype(self.values)
        limits = np.iinfo(dtype)
        real = float(numpy_helper.to_array(self.constants[-2])), int(numpy_helper.to_array(self.constants[-1]))
        levels = np.clip(np.round(values / real[0]) + real[1], limits.min, limits.max).astype(dtype)
        return self.op("DequantizeLinear", self.constant(levels), scale, zero)

    def input(self, *shape: int, values: str = "") -> str:
        """A port, dequantised."""
        name = f"input{len(self.inputs)}"
        kind = PORTS[values or self.values]
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name if kind == TensorProto.FLOAT or values else self.dequantised(name)

    def conv(self, x: str, channels: int, outputs: int, kernel: int = 3, **attributes: Any) -> str:
        """A convolution of equal padding, whose result stays in float."""
        attributes.setdefault("pads", [kernel // 2] * 4)
        weight = self.constant_weights(self.weights(outputs, channels // attributes.get("group", 1), kernel, kernel))
        return self.op("Conv", x, weight, **attributes)

    def constant_weights(self, values: np.ndarray) -> str:
        """Weights: int8 of one scale behind DequantizeLinear, or float32."""
        if self.values == "float":
            return self.constant(values)
        scale = np.float32(np.abs(values).max() / 127)
        levels = np.round(values / scale).astype(np.int8)
        return self.op("DequantizeLinear", self.constant(levels), self.constant(scale), self.constant(np.int8(0)))

    def model(self, result: str, kind: int) -> onnx.ModelProto:
        """The model that ends with a tensor of a type."""
        output = helper.make_empty_tensor_value_info(result)
        output.type.tensor_type.elem_type = kind
        graph = helper.make_graph(self.nodes, "twins", self.inputs, [output], self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        return onnx.shape_inference.infer_shapes(helper.make_model(graph, opset_imports=opsets, ir_version=10))


Operator = Callable[[Graph, str], str]


def relu(g: Graph, x: str) -> str:
    """The twin of most operators."""
    return g.made("Relu", x)


@dataclass(frozen=True)
class Pair:
    """An operator in its network, and its twin.

    Attributes:
        kind: the row that it belongs to.
        name: of the operator, with what is special about it.
        operator: from the dequantised operand to the dequantised result.
        twin: what stands there in the twin.
        values: type of the activations.
        shape: channels, rows and columns of the operand.
        behind: channels of the result, where they are others.
        fused: the operator stands between the convolution and its quantisation.
        first: no convolution stands before the operator.
        held: bytes that every algorithm which reads its input once must hold, and the twin need not.
        twin_values: type of the twin's activations, if another.
        twin_shape: of its operand, if another.
        opset: of the default domain.
        tail: what stands in the second convolution's place.
    """

    kind: str
    name: str
    operator: Operator
    twin: Operator = relu
    values: str = "int8"
    shape: tuple[int, int, int] = (16, 48, 48)
    behind: int = 0
    fused: bool = False
    first: bool = False
    held: int = 0
    twin_values: str = ""
    twin_shape: tuple[int, int, int] | None = None
    opset: int = 21
    tail: Operator | None = None

    def model(self, twin: bool) -> onnx.ModelProto:
        """The network, or its twin."""
        values = (self.twin_values if twin else "") or self.values
        g = Graph(values, self.opset)
        channels, rows, columns = (self.twin_shape if twin else None) or self.shape
        operate = self.twin if twin else self.operator
        if self.first:
            x = operate(g, "")
        else:
            x = g.conv(g.input(1, channels, rows, columns), channels, channels)
            x = operate(g, x if self.fused else g.quantised(x))
        if self.fused:
            x = g.quantised(x)
        behind = self.behind or channels
        x = self.tail(g, x) if self.tail else g.conv(x, behind, 8)
        if values == "float":
            return g.model(x, TensorProto.FLOAT)
        return g.model(g.op("QuantizeLinear", x, *g.parameters()), PORTS[values])
