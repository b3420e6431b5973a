"""Turns the QOperator form into the QDQ form.

``QLinearConv(x, x_scale, x_zero_point, ...)`` becomes ``QuantizeLinear(Conv(DequantizeLinear(x), ...))``: the same
arithmetic, stated in the form that all later stages read. The float node keeps the operator's name.

Source: ONNX operators QLinearConv and QLinearMatMul; ONNX Runtime contrib operators (domain com.microsoft).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node
from tinyseg_tvm.frontend.rewrites.spelling import Spelling

MICROSOFT = "com.microsoft"


class _Expansion(Spelling):
    """Collects the nodes that replace one QOperator node."""

    def dequantize(self, stem: str, name: str, scale: str, zero_point: str, axis: int | None = None) -> str:
        """DequantizeLinear of tensor ``name``; the float tensor's name."""
        attributes: dict[str, Any] = {} if axis is None or self._is_scalar(scale) else {"axis": axis}
        inputs = [name, scale, zero_point] if zero_point else [name, scale]
        return self.add(f"dequantize_{stem}", "DequantizeLinear", inputs, **attributes)

    def compute(self, op_type: str, inputs: list[str], attributes: dict[str, Any] | None = None) -> str:
        """The float node, under the operator's own name; its result."""
        return self.add("", op_type, inputs, **(attributes or {}))

    def quantize(self, value: str, scale: str, zero_point: str, dtype: str) -> list[Node]:
        """QuantizeLinear to the node's result; all nodes of the expansion."""
        if not zero_point:
            zero_point = self.graph.add_constant(f"{self.node.name}.zero_point", np.zeros((), dtype))
        self.nodes.append(
            Node(f"{self.node.name}_quantize", "QuantizeLinear", [value, scale, zero_point], list(self.node.outputs))
        )
        return self.nodes

    def _is_scalar(self, scale: str) -> bool:
        value = self.graph.constant(scale)
        return value is not None and value.size == 1


def expand_qoperator(graph: Graph, node: Node) -> list[Node] | None:
    """The QDQ form of a QOperator node whose scales and zero points are constants; refuses another."""
    parameters = PARAMETERS[node.op_type](node)
    if any(name and name not in graph.constants for name in parameters):
        graph.refuse(node, "a scale or zero point is not a constant", "quantise the model statically")
        return None
    return EXPANSIONS[node.op_type](graph, node)


def _dtype(graph: Graph, zero_point: str, default: str = "uint8") -> str:
    value = graph.constant(zero_point)
    return default if value is None else value.dtype.name


def _scale_product(graph: Graph, *names: str, factor: float = 1.0) -> str | None:
    values = [graph.constant(name) for name in names]
    if any(value is None for value in values):
        return None
    product = np.float32(factor)
    for value in values:
        assert value is not None
        product = np.float32(1) * product * value.astype(np.float32).reshape(-1)
    product = np.asarray(product, np.float32)
    return graph.add_constant("bias_scale", product.reshape(()) if product.size == 1 else product)


def _bias(expansion: _Expansion, bias: str, *scales: str, factor: float = 1.0) -> str:
    scale = _scale_product(expansion.graph, *scales, factor=factor)
    assert scale is not None
    shape = expansion.graph.shape(bias)
    if (value := expansion.graph.constants[scale]).size > 1 and shape is not None and len(shape) == 1:
        value = np.broadcast_to(value, shape).copy()
        scale = expansion.graph.add_constant("bias_scale", value)
    axis = 0 if shape is None else len(shape) - 1
    return expansion.dequantize("bias", bias, scale, "", axis=axis)


def _conv(graph: Graph, node: Node) -> list[Node]:
    x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero = (node.input(i) for i in range(8))
    expansion = _Expansion(graph, node)
    inputs = [expansion.dequantize("x", x, x_scale, x_zero), expansion.dequantize("w", w, w_scale, w_zero, axis=0)]
    if bias := node.input(8):
        inputs.append(_bias(expansion, bias, x_scale, w_scale))
    attributes = dict(node.attributes)
    last = bool(attributes.pop("channels_last", 0))
    rank = len(graph.shape(w) or (0,) * 4)
    if last:
        inputs[0] = expansion.transpose("to_channels_first", inputs[0], [0, rank - 1, *range(1, rank - 1)])
    result = expansion.compute("Conv", inputs, attributes)
    if last:
        result = expansion.transpose("to_channels_last", result, [0, *range(2, rank), 1])
    return expansion.quantize(result, y_scale, y_zero, _dtype(graph, y_zero))


def _matmul(graph: Graph, node: Node) -> list[Node]:
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = (node.input(i) for i in range(8))
    expansion = _Expansion(graph, node)
    rank = len(graph.shape(b) or (0, 0))
    inputs = [
        expansion.dequantize("a", a, a_scale, a_zero, axis=0),
        expansion.dequantize("b", b, b_scale, b_zero, axis=rank - 1),
    ]
    return expansion.quantize(expansion.compute("MatMul", inputs), y_scale, y_zero, _dtype(graph, y_zero))


def _binary(op_type: str) -> Callable[[Graph, Node], list[Node]]:
    def handler(graph: Graph, node: Node) -> list[Node]:
        a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = (node.input(i) for i in range(8))
        expansion = _Expansion(graph, node)
        inputs = [expansion.dequantize("a", a, a_scale, a_zero), expansion.dequantize("b", b, b_scale, b_zero)]
        dtype = _dtype(graph, y_zero, graph.dtype(a) or "uint8")
        return expansion.quantize(expansion.compute(op_type, inputs), y_scale, y_zero, dtype)

    return handler


def _concat(graph: Graph, node: Node) -> list[Node]:
    y_scale, y_zero = node.inputs[:2]
    expansion = _Expansion(graph, node)
    triples = [node.inputs[i : i + 3] for i in range(2, len(node.inputs), 3)]
    inputs = [
        expansion.dequantize(f"x{i}", triple[0], triple[1], triple[2] if len(triple) > 2 else "")
        for i, triple in enumerate(triples)
    ]
    result = expansion.compute("Concat", inputs, {"axis": node.attributes.get("axis", 0)})
    return expansion.quantize(result, y_scale, y_zero, _dtype(graph, y_zero))


def _where(graph: Graph, node: Node) -> list[Node]:
    condition, a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = (node.input(i) for i in range(9))
    expansion = _Expansion(graph, node)
    inputs = [condition, expansion.dequantize("a", a, a_scale, a_zero), expansion.dequantize("b", b, b_scale, b_zero)]
    return expansion.quantize(expansion.compute("Where", inputs), y_scale, y_zero, _dtype(graph, y_zero))


def _unary(op_type: str, *dropped: str) -> Callable[[Graph, Node], list[Node]]:
    def handler(graph: Graph, node: Node) -> list[Node]:
        x, x_scale, x_zero, y_scale, y_zero = (node.input(i) for i in range(5))
        expansion = _Expansion(graph, node)
        attributes = {key: value for key, value in node.attributes.items() if key not in dropped}
        value = expansion.dequantize("x", x, x_scale, x_zero)
        rank = len(graph.shape(x) or (0,) * 4)
        last = bool(node.attributes.get("channels_last", 0)) and "channels_last" in dropped
        if last:
            value = expansion.transpose("to_channels_first", value, [0, rank - 1, *range(1, rank - 1)])
        value = expansion.compute(op_type, [value], attributes)
        expansion.nodes[-1].opset = node.attributes.get("opset", 0)  # QLinearSoftmax: whose axis rule holds
        if last:
            value = expansion.transpose("to_channels_last", value, [0, *range(2, rank), 1])
        return expansion.quantize(value, y_scale, y_zero, _dtype(graph, y_zero, graph.dtype(x) or "uint8"))

    return handler


def _gemm(graph: Graph, node: Node) -> list[Node]:
    a, a_scale, a_zero, b, b_scale, b_zero, c, y_scale, y_zero = (node.input(i) for i in range(9))
    expansion = _Expansion(graph, node)
    transposed = node.attributes.get("transB", 0)
    inputs = [
        expansion.dequantize("a", a, a_scale, a_zero),
        expansion.dequantize("b", b, b_scale, b_zero, axis=0 if transposed else 1),
    ]
    alpha = node.attributes.get("alpha", 1.0)
    if c:
        inputs.append(_bias(expansion, c, a_scale, b_scale, factor=alpha))
    result = expansion.compute("Gemm", inputs, node.attributes)
    if not y_scale:
        expansion.nodes[-1].outputs = list(node.outputs)
        return expansion.nodes
    return expansion.quantize(result, y_scale, y_zero, _dtype(graph, y_zero))


def _at(*positions: int) -> Callable[[Node], list[str]]:
    return lambda node: [node.input(i) for i in positions]


def _concat_parameters(node: Node) -> list[str]:
    return [name for i, name in enumerate(node.inputs) if i < 2 or i % 3 != 2]


_BINARY_PARAMETERS = _at(1, 2, 4, 5, 6, 7)
_UNARY_PARAMETERS = _at(1, 2, 3, 4)

EXPANSIONS: dict[str, Callable[[Graph, Node], list[Node]]] = {
    "QLinearConv": _conv,
    "QLinearMatMul": _matmul,
    "QLinearAdd": _binary("Add"),
    "QLinearMul": _binary("Mul"),
    "QLinearConcat": _concat,
    "QLinearAveragePool": _unary("AveragePool", "channels_last"),
    "QLinearGlobalAveragePool": _unary("GlobalAveragePool", "channels_last"),
    "QLinearSigmoid": _unary("Sigmoid"),
    "QLinearLeakyRelu": _unary("LeakyRelu"),
    "QLinearSoftmax": _unary("Softmax", "opset"),
    "QLinearWhere": _where,
    "QGemm": _gemm,
}

# The operands that must be constant: scales and zero points.
PARAMETERS: dict[str, Callable[[Node], list[str]]] = {
    "QLinearConv": _BINARY_PARAMETERS,
    "QLinearMatMul": _BINARY_PARAMETERS,
    "QLinearAdd": _BINARY_PARAMETERS,
    "QLinearMul": _BINARY_PARAMETERS,
    "QLinearConcat": _concat_parameters,
    "QLinearAveragePool": _UNARY_PARAMETERS,
    "QLinearGlobalAveragePool": _UNARY_PARAMETERS,
    "QLinearSigmoid": _UNARY_PARAMETERS,
    "QLinearLeakyRelu": _UNARY_PARAMETERS,
    "QLinearSoftmax": _UNARY_PARAMETERS,
    "QLinearWhere": _at(2, 3, 5, 6, 7, 8),
    "QGemm": _at(1, 2, 4, 5, 7, 8),
}
