"""Operators that ONNX Runtime makes of several of ONNX's, spelled as those again.

Source: ONNX Runtime's contrib operators (domain com.microsoft).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseg_tvm.frontend.graph import Graph, Node
from tinyseg_tvm.frontend.rewrites.fused_attention import ATTENTION
from tinyseg_tvm.frontend.rewrites.spelling import Spelling

# Activations of FusedConv and FusedGemm, and the attributes that their parameters are.
_ACTIVATIONS: dict[str, tuple[str, ...]] = {
    "Relu": (),
    "Tanh": (),
    "Sigmoid": (),
    "Softplus": (),
    "Softsign": (),
    "LeakyRelu": ("alpha",),
    "Elu": ("alpha",),
    "ThresholdedRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Clip": ("min", "max"),
}
_FUSED = ("activation", "activation_params", "activation_alpha", "activation_beta", "activation_gamma")


def _activated(spelling: Spelling, value: str, parameters: list[float]) -> list[Node] | None:
    """The node's activation of ``value``; refuses one that is unknown."""
    node = spelling.node
    name = node.attributes.get("activation", "")
    if not name:
        return spelling.done(value)
    if name not in _ACTIVATIONS:
        spelling.graph.refuse(node, f"its activation {name!r} is unknown", "export the model without fused operators")
        return None
    given: dict[str, Any] = dict(zip(_ACTIVATIONS[name], parameters, strict=False))
    if name == "Clip" and spelling.graph.opset >= 11:
        bounds = [spelling.constant(key, given[key]) if key in given else "" for key in ("min", "max")]
        return spelling.done(spelling.add(name.lower(), name, [value, *bounds]))
    return spelling.done(spelling.add(name.lower(), name, [value], **given))


def _conv(graph: Graph, node: Node) -> list[Node] | None:
    """``activation(Conv(X, W, B) + Z)``."""
    spelling = Spelling(graph, node)
    attributes = {key: value for key, value in node.attributes.items() if key not in _FUSED}
    value = spelling.add("conv", "Conv", [name for name in node.inputs[:3] if name], **attributes)
    if node.input(3):
        value = spelling.add("sum", "Add", [value, node.input(3)])
    return _activated(spelling, value, list(node.attributes.get("activation_params", [])))


def _gemm(graph: Graph, node: Node) -> list[Node] | None:
    """``activation(Gemm(A, B, C))``."""
    spelling = Spelling(graph, node)
    attributes = {key: value for key, value in node.attributes.items() if key not in _FUSED}
    value = spelling.add("gemm", "Gemm", [name for name in node.inputs if name], **attributes)
    parameters = [node.attributes[key] for key in _FUSED[2:] if key in node.attributes]
    return _activated(spelling, value, parameters)


def _matmul(graph: Graph, node: Node) -> list[Node] | None:
    """``alpha * A' B'``, whose operands may be transposed."""
    spelling = Spelling(graph, node)
    if node.attributes.get("transBatchA", 0) or node.attributes.get("transBatchB", 0):
        graph.refuse(node, "its operands' batches are transposed", "export the model without fused operators")
        return None
    operands = []
    for index, side in enumerate("AB"):
        name, shape = node.inputs[index], graph.shape(node.inputs[index])
        if node.attributes.get(f"trans{side}", 0):
            if shape is None:
                graph.refuse(node, "the shape of its operand is unknown", "export the model with fixed shapes")
                return None
            rank = len(shape)
            if rank > 1:
                name = spelling.transpose(f"transposed_{side}", name, [*range(rank - 2), rank - 1, rank - 2])
        operands.append(name)
    value = spelling.add("product", "MatMul", operands)
    if (alpha := node.attributes.get("alpha", 1.0)) != 1:
        value = spelling.add("scaled", "Mul", [value, spelling.constant("alpha", alpha)])
    return _activated(spelling, value, [node.attributes[key] for key in _FUSED[2:] if key in node.attributes])


def _max_pool(graph: Graph, node: Node) -> list[Node]:
    """MaxPool of NHWC."""
    spelling = Spelling(graph, node)
    value = spelling.transpose("to_channels_first", node.inputs[0], [0, 3, 1, 2])
    value = spelling.add("pool", "MaxPool", [value], **node.attributes)
    return spelling.done(spelling.transpose("to_channels_last", value, [0, 2, 3, 1]))


def _gelu(graph: Graph, node: Node) -> list[Node]:
    """``x * (1 + erf(x / sqrt(2))) / 2``; BiasGelu's x is the sum of its operands."""
    spelling = Spelling(graph, node)
    value = spelling.add("sum", "Add", node.inputs) if len(node.inputs) > 1 else node.inputs[0]
    inner = spelling.add("scaled", "Div", [value, spelling.constant("root", math.sqrt(2))])
    inner = spelling.add("erf", "Erf", [inner])
    inner = spelling.add("gate", "Add", [inner, spelling.constant("one", 1)])
    product = spelling.add("product", "Mul", [value, inner])
    return spelling.done(spelling.add("half", "Mul", [product, spelling.constant("half", 0.5)]))


def _fast_gelu(graph: Graph, node: Node) -> list[Node]:
    """``x * (1 + tanh(x * (a + b * x * x))) / 2`` with ``a = sqrt(2 / pi)``, ``b = 0.044715 a``."""
    spelling = Spelling(graph, node)
    value = spelling.add("sum", "Add", node.inputs[:2]) if node.input(1) else node.inputs[0]
    first = math.sqrt(2 / math.pi)
    inner = spelling.add("square", "Mul", [value, value])
    inner = spelling.add("cubic", "Mul", [inner, spelling.constant("b", 0.044715 * first)])
    inner = spelling.add("inner", "Add", [inner, spelling.constant("a", first)])
    inner = spelling.add("tanh", "Tanh", [spelling.add("argument", "Mul", [value, inner])])
    inner = spelling.add("gate", "Add", [inner, spelling.constant("one", 1)])
    product = spelling.add("product", "Mul", [value, inner])
    return spelling.done(spelling.add("half", "Mul", [product, spelling.constant("half", 0.5)]))


def _quick_gelu(graph: Graph, node: Node) -> list[Node]:
    """``x * sigmoid(alpha * x)``."""
    spelling = Spelling(graph, node)
    alpha = node.attributes.get("alpha", 1.702)
    inner = node.inputs[0]
    if alpha != 1:
        inner = spelling.add("scaled", "Mul", [inner, spelling.constant("alpha", alpha)])
    return spelling.done(spelling.add("product", "Mul", [node.inputs[0], spelling.add("sigmoid", "Sigmoid", [inner])]))


def _skip_layer_normalization(graph: Graph, node: Node) -> list[Node] | None:
    """``LayerNormalization(input + skip + bias)``; the sum is a result, too."""
    spelling = Spelling(graph, node)
    if graph.opset < 17 or any(node.outputs[1:3]):
        graph.refuse(node, "LayerNormalization has opset 17, and no statistics as results here", "export it unfused")
        return None
    total = spelling.add("skip", "Add", node.inputs[:2])
    if node.input(4):
        total = spelling.add("bias", "Add", [total, node.input(4)])
    if len(node.outputs) > 3 and node.outputs[3]:
        spelling.nodes[-1].outputs = [node.outputs[3]]
        total = node.outputs[3]
    operands = [total, node.inputs[2], *([node.input(3)] if node.input(3) else [])]
    epsilon = node.attributes.get("epsilon", 1e-12)
    return spelling.done(
        spelling.add("normal", "LayerNormalization", operands, axis=-1, epsilon=float(np.float32(epsilon)))
    )


FUSED: dict[str, Callable[[Graph, Node], list[Node] | None]] = {
    "FusedConv": _conv,
    "FusedGemm": _gemm,
    "FusedMatMul": _matmul,
    "FusedMatMulActivation": _matmul,
    "TransposeMatMul": _matmul,
    "NhwcMaxPool": _max_pool,
    "Gelu": _gelu,
    "BiasGelu": _gelu,
    "FastGelu": _fast_gelu,
    "QuickGelu": _quick_gelu,
    "SkipLayerNormalization": _skip_layer_normalization,
    **ATTENTION,
}
